package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.tensor.DType.BFLOAT16;
import static org.pygpt.tensor.DType.FLOAT32;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.support.Tolerances;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Products, attention and the kernels that work by rows, of backends that train in bfloat16:
 * activations and their gradients are bfloat16; parameters, their gradients and statistics are
 * float32.
 */
@ParameterizedClass(name = "{0}, {1} threads")
@CsvSource({"CPU, 1", "CPU, 3", "CUDA, 1"})
class Bfloat16KernelsTest {
  @AutoClose private final Kernels kernels;

  Bfloat16KernelsTest(Backend backend, int threads) {
    kernels = backend.kernels(FLOAT32, threads);
  }

  /** Sums over rows are of terms that may be rounded or not, by a quarter of the tolerance. */
  private void compare(int rows, String what, BiConsumer<Kernels, Tensors> op) {
    compare(Tolerances.BFLOAT16, Math.max(1, rows / 4.0), what, op);
  }

  private void compare(
      double tolerance, double terms, String what, BiConsumer<Kernels, Tensors> op) {
    for (int padding : new int[] {0, 5}) {
      try (Tensors expected = new Tensors(FLOAT32, padding);
          Tensors got = new Tensors(kernels.device(), FLOAT32, padding)) {
        op.accept(new PlainKernels(), expected);
        op.accept(kernels, got);
        got.assertClose(expected, tolerance, terms, what + ", padding " + padding);
      }
    }
  }

  static Stream<Arguments> rowsAndColumns() {
    return Stream.of(1, 17, 64, 1021)
        .flatMap(columns -> Stream.of(1, 17).map(rows -> Arguments.of(rows, columns)));
  }

  /** Whether this processor has products; where it has none, that is said. */
  private boolean hasProducts() {
    try {
      kernels.requireBfloat16();
      return true;
    } catch (IllegalArgumentException refusal) {
      assertTrue(refusal.getMessage().contains("this processor has no instructions"));
      return false;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 17, 3",
    "17, 1, 3",
    "2, 3, 5",
    "16, 16, 16",
    "64, 27, 16",
    "3, 7, 1021",
    "129, 67, 131",
    "131, 257, 61",
    "8, 521, 1021"
  })
  void products(int m, int n, int k) {
    if (!hasProducts()) {
      return;
    }
    for (DType dtype : List.of(FLOAT32, BFLOAT16)) {
      for (int kind = 0; kind < 8; kind++) {
        boolean transposeA = (kind & 1) > 0;
        boolean transposeB = (kind & 2) > 0;
        MatMul shape = new MatMul(m, n, k, transposeA, transposeB, (kind & 4) > 0);
        compare(
            dtype == FLOAT32 ? Tolerances.SUM : Tolerances.BFLOAT16,
            1,
            shape + " of " + dtype,
            (kernels, tensors) -> {
              tensors.of(BFLOAT16);
              Tensor a = transposeA ? tensors.input(k, m) : tensors.input(m, k);
              Tensor b = transposeB ? tensors.input(n, k) : tensors.input(k, n);
              kernels.gemm(shape, a, b, tensors.of(dtype).output(m, n));
            });
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2, 5, 3, 3, 5",
    "1, 17, 4, 2, 16",
    "2, 67, 2, 1, 64",
    "1, 131, 2, 2, 48",
    "1, 64, 2, 2, 61"
  })
  void attention(int B, int T, int H, int kvHeads, int D) {
    if (!hasProducts()) {
      return;
    }
    for (double dropout : new double[] {0, 0.25}) {
      AttentionSpec spec = AttentionSpec.causal(B, T, H, kvHeads);
      compare(
          4 * T, // rows that share keys add to their gradients, each rounded
          "dropout " + dropout,
          (kernels, tensors) -> {
            DropoutMask mask = dropout == 0 ? null : new DropoutMask(dropout);
            if (mask != null) {
              mask.setKey(3);
            }
            int columns = (H + 2 * kvHeads) * D;
            tensors.of(BFLOAT16);
            Heads in = Heads.packed(tensors.input(B * T, columns), H, kvHeads);
            Tensor out = tensors.output(B * T, H * D);
            Tensor dOut = tensors.input(B * T, H * D);
            Heads gradients = Heads.packed(tensors.whole(B * T, columns), H, kvHeads);
            Tensor logsumexp = tensors.of(FLOAT32).whole(B * H, T);
            kernels.attention(spec, in, mask, out, logsumexp);
            kernels.attentionBackward(spec, in, mask, out, logsumexp, dOut, gradients);
          });
    }
  }

  /** Other keys, padding, windows, caps, slopes; heads of every kernel of backend cuda. */
  @ParameterizedTest
  @CsvSource({
    "2, 17, 67, 4, 2, 100, false, 0, 0, 0",
    "2, 67, 17, 2, 2, 64, false, 0, 0, 0",
    "2, 31, 31, 2, 1, 200, true, 0, 0, 0",
    "1, 131, 137, 2, 1, 40, true, 9, 0, 0",
    "1, 67, 67, 2, 1, 128, true, 0, 1.5, 0",
    "1, 67, 131, 3, 3, 16, true, 70, 2, 8"
  })
  void shapedAttention(
      int B,
      int queries,
      int keys,
      int H,
      int kvHeads,
      int D,
      boolean causal,
      int window,
      double cap,
      double alibi) {
    if (!hasProducts()) {
      return;
    }
    int[] lengths = causal ? null : new int[] {keys - 2, 1};
    ScoreSpec scores = new ScoreSpec(0, cap, window, alibi);
    AttentionSpec spec = new AttentionSpec(B, queries, keys, H, kvHeads, causal, scores, lengths);
    compare(
        4 * Math.max(queries, keys),
        "forward and backward",
        (kernels, tensors) -> {
          tensors.of(BFLOAT16);
          Heads in =
              new Heads(
                  tensors.input(B * queries, H * D),
                  tensors.input(B * keys, kvHeads * D),
                  tensors.input(B * keys, kvHeads * D));
          Tensor out = tensors.whole(B * queries, H * D);
          Tensor dOut = tensors.input(B * queries, H * D);
          Heads gradients =
              new Heads(
                  tensors.whole(B * queries, H * D),
                  tensors.whole(B * keys, kvHeads * D),
                  tensors.whole(B * keys, kvHeads * D));
          Tensor logsumexp = tensors.of(FLOAT32).whole(B * H, queries);
          kernels.attention(spec, in, null, out, logsumexp);
          kernels.attentionBackward(spec, in, null, out, logsumexp, dOut, gradients);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 3", "17, 67", "5, 1021"})
  void crossEntropy(int rows, int V) {
    compare(
        1,
        "in place of the logits",
        (kernels, tensors) -> {
          Tensor logits = tensors.of(BFLOAT16).output(rows, V);
          Tensor targets = tensors.integers(rows, -1, V);
          tensors.result(kernels.crossEntropy(rows, logits, CrossEntropy.mean(targets, logits)));
        });
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void copiesAreRounded(int rows, int columns) {
    compare(
        Tolerances.EXACT,
        1,
        "copies",
        (kernels, tensors) -> {
          Tensor wide = tensors.of(FLOAT32).input(rows, columns);
          Tensor back = tensors.output(rows, columns);
          Tensor narrow = tensors.of(BFLOAT16).output(rows, columns);
          kernels.copy(rows, wide, narrow, 0);
          kernels.copy(rows, narrow, back, 0);
          kernels.copy(rows, narrow, tensors.output(rows, columns), 0);
        });
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void norms(int rows, int C) {
    for (boolean centred : KernelsTest.NO_AND_YES) {
      compare(
          rows,
          "centred " + centred,
          (kernels, tensors) -> {
            Tensor weight = tensors.of(FLOAT32).input(1, C);
            Tensor bias = tensors.input(1, C);
            Tensor statistics = tensors.output(rows, 2);
            Gradient dWeight = new Gradient(tensors.output(1, C), true);
            Gradient dBias = new Gradient(tensors.output(1, C), false);
            Norm norm = new Norm(new NormSpec(centred, 1e-5), weight, bias);
            Tensor x = tensors.of(BFLOAT16).input(rows, C);
            Tensor out = tensors.output(rows, C);
            Tensor sum = tensors.output(rows, C);
            kernels.residualNorm(
                rows, new Residual(x, tensors.input(rows, C), bias, sum), norm, out, statistics);
            kernels.norm(rows, norm, x, out, statistics);
            Gradient dX = new Gradient(tensors.output(rows, C), centred);
            Tensor dOut = tensors.input(rows, C);
            kernels.normBackward(rows, norm, dOut, x, statistics, dX, dWeight, dBias);
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void activations(int rows, int F) {
    for (Activation kind : Activation.VECTORISED) {
      int in = kind.inputsPerOutput() * F;
      compare(
          rows,
          kind.toString(),
          (kernels, tensors) -> {
            Tensor bias = tensors.of(FLOAT32).input(1, in);
            Gradient dBias = new Gradient(tensors.output(1, in), true);
            Tensor x = tensors.of(BFLOAT16).input(rows, in);
            kernels.activation(kind, rows, x, bias, tensors.output(rows, F));
            Tensor dOut = tensors.input(rows, F);
            kernels.activationBackward(kind, rows, x, bias, dOut, tensors.output(rows, in), dBias);
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void biasesDropoutAndRotations(int rows, int columns) {
    compare(
        rows,
        "rows",
        (kernels, tensors) -> {
          int D = 2 * columns;
          Tensor bias = tensors.of(FLOAT32).input(1, D);
          Tensor angles = tensors.input(rows, D);
          Gradient dBias = new Gradient(tensors.output(1, D), true);
          DropoutMask mask = new DropoutMask(0.25);
          mask.setKey(7);
          Tensor x = tensors.of(BFLOAT16).input(rows, D);
          kernels.bias(rows, bias, tensors.output(rows, D));
          kernels.biasBackward(rows, x, dBias);
          kernels.residual(rows, new Residual(x, x, bias, tensors.output(rows, D)));
          kernels.dropout(rows, x, bias, mask, tensors.output(rows, D));
          kernels.dropoutBackward(rows, x, mask, tensors.output(rows, D));
          kernels.rotary(
              new Rotation(1, angles, true), new Positions(1, rows, 0), tensors.output(rows, D));
        });
  }
}
