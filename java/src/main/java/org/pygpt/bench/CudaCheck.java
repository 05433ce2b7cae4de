package org.pygpt.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Residual;
import org.pygpt.kernels.Rotation;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/** Whether a card computes what the reference does: operations, gradients, the same bits twice. */
final class CudaCheck {
  /** Relative to the largest magnitude, as of the tests of backends, times the terms of a sum. */
  private static final Map<DType, Double> ALLOWED =
      Map.of(DType.FLOAT32, 1e-5, DType.BFLOAT16, 0x1p-7);

  private static final double MODEL_BFLOAT16 = 0x1p-4;
  private static final NormSpec LAYER_NORM = new NormSpec(true, 1e-5);
  private static final AdamStep ADAM = new AdamStep(0.01, 0.9, 0.95, 1e-8, 0.1, 1.5, 2.5, 0.25);

  private final Report report;
  private final Kernels kernels;
  private final String backend;
  private final boolean small;

  /**
   * Checks of a backend.
   *
   * @param small sizes of a test instead of GPT-2's
   */
  CudaCheck(Report report, Kernels kernels, String backend, boolean small) {
    this.report = report;
    this.kernels = kernels;
    this.backend = backend;
    this.small = small;
  }

  void run(List<DType> dtypes) {
    for (DType dtype : dtypes) {
      report.part("products", () -> products(dtype));
      report.part("rows", () -> rows(dtype));
      report.part("attention", () -> attention(dtype));
      report.part("loss", () -> loss(dtype));
      report.part("model", () -> model(dtype));
    }
    report.part("optimizer", this::optimizer);
  }

  private void check(DType dtype, String what, String shape, BiConsumer<Kernels, Pair> operation) {
    check(dtype, 1, what, shape, operation);
  }

  private void check(
      DType dtype, double terms, String what, String shape, BiConsumer<Kernels, Pair> operation) {
    double error = Pair.difference(kernels, operation);
    report.check(
        what, error, terms * ALLOWED.get(dtype), "shape", shape, "dtype", dtype.toString());
  }

  private void products(DType dtype) {
    int[][] shapes =
        small
            ? new int[][] {{17, 13, 19}}
            : new int[][] {{256, 2304, 768}, {64, 768, 3072}, {16, 50257, 64}, {129, 67, 131}};
    for (int[] s : shapes) {
      for (int kind = 0; kind < 4; kind++) {
        boolean a = (kind & 1) > 0;
        boolean b = (kind & 2) > 0;
        DType result = kind == 3 ? DType.FLOAT32 : dtype;
        MatMul product = new MatMul(s[0], s[1], s[2], a, b, kind == 3);
        check(
            dtype,
            "product" + (a ? ", aᵀ" : "") + (b ? ", bᵀ" : ""),
            s[0] + " x " + s[1] + " x " + s[2],
            (k, pair) ->
                k.gemm(
                    product,
                    pair.normal(dtype, a ? s[2] : s[0], a ? s[0] : s[2]),
                    pair.normal(dtype, b ? s[1] : s[2], b ? s[2] : s[1]),
                    pair.zeros(result, s[0], s[1])));
      }
    }
  }

  private void rows(DType dtype) {
    int rows = small ? 7 : 300;
    int C = small ? 24 : 768;
    String shape = rows + " x " + C;
    check(
        dtype,
        rows / 4.0,
        "norm, residual",
        shape,
        (k, pair) -> {
          Tensor weight = pair.normal(DType.FLOAT32, 1, C);
          Norm norm = new Norm(LAYER_NORM, weight, pair.normal(DType.FLOAT32, 1, C));
          Tensor x = pair.normal(dtype, rows, C);
          Tensor sum = pair.zeros(dtype, rows, C);
          Tensor statistics = pair.zeros(DType.FLOAT32, rows, 2);
          Residual residual = new Residual(x, pair.normal(dtype, rows, C), weight, sum);
          k.residualNorm(rows, residual, norm, pair.zeros(dtype, rows, C), statistics);
          Gradient dX = Gradient.of(pair.normal(dtype, rows, C), true);
          Gradient dWeight = Gradient.of(pair.zeros(DType.FLOAT32, 1, C), false);
          Gradient dBias = Gradient.of(pair.zeros(DType.FLOAT32, 1, C), false);
          Tensor dOut = pair.normal(dtype, rows, C);
          k.normBackward(rows, norm, dOut, sum, statistics, dX, dWeight, dBias);
        });
    for (Activation kind : List.of(Activation.GELU, Activation.SWIGLU)) {
      int in = kind.inputsPerOutput() * C;
      check(
          dtype,
          rows / 4.0,
          kind.toString(),
          shape,
          (k, pair) -> {
            Tensor x = pair.normal(dtype, rows, in);
            Tensor bias = pair.normal(DType.FLOAT32, 1, in);
            k.activation(kind, rows, x, bias, pair.zeros(dtype, rows, C));
            Gradient dBias = Gradient.of(pair.zeros(DType.FLOAT32, 1, in), false);
            Tensor dOut = pair.normal(dtype, rows, C);
            k.activationBackward(kind, rows, x, bias, dOut, pair.zeros(dtype, rows, in), dBias);
          });
    }
    check(
        dtype,
        "bias, dropout, rotation",
        shape,
        (k, pair) -> {
          DropoutMask mask = new DropoutMask(0.25);
          mask.setKey(7);
          Tensor x = pair.normal(dtype, rows, C);
          k.bias(rows, pair.normal(DType.FLOAT32, 1, C), x);
          k.dropout(rows, x, null, mask, pair.zeros(dtype, rows, C));
          Tensor angles = pair.normal(DType.FLOAT32, rows, C / 12);
          k.rotary(new Rotation(12, C / 12, angles, false), new Positions(1, rows, 0), x);
        });
  }

  private void attention(DType dtype) {
    int[][] shapes =
        small
            ? new int[][] {{1, 17, 2, 1, 5}}
            : new int[][] {
              {1, 300, 12, 12, 64}, {2, 131, 6, 2, 128}, {1, 67, 3, 1, 37}, {1, 67, 2, 2, 256}
            };
    for (int[] s : shapes) {
      for (double dropout : new double[] {0, 0.25}) {
        check(
            dtype,
            dtype == DType.FLOAT32 ? 1 : s[1] / 4.0,
            "attention" + (dropout > 0 ? ", dropout" : ""),
            Arrays.toString(s),
            (k, pair) -> {
              DropoutMask mask = dropout == 0 ? null : new DropoutMask(dropout);
              if (mask != null) {
                mask.setKey(3);
              }
              AttentionSpec spec = AttentionSpec.causal(s[0], s[1], s[2], s[3]);
              int rows = s[0] * s[1];
              int columns = (s[2] + 2 * s[3]) * s[4];
              Heads in = Heads.packed(pair.normal(dtype, rows, columns), s[2], s[3]);
              Tensor out = pair.zeros(dtype, rows, s[2] * s[4]);
              Tensor logsumexp = pair.zeros(DType.FLOAT32, s[0] * s[2], s[1]);
              k.attention(spec, in, mask, out, logsumexp);
              Tensor dOut = pair.normal(dtype, rows, s[2] * s[4]);
              Heads gradients = Heads.packed(pair.zeros(dtype, rows, columns), s[2], s[3]);
              k.attentionBackward(spec, in, mask, out, logsumexp, dOut, gradients);
            });
      }
    }
  }

  private void loss(DType dtype) {
    int V = small ? 101 : 50257;
    check(
        dtype,
        "cross-entropy in place",
        "33 x " + V,
        (k, pair) -> {
          Tensor logits = pair.normal(dtype, 33, V);
          pair.result(k.crossEntropy(33, logits, CrossEntropy.mean(pair.ids(33, V), logits)));
        });
    int C = small ? 24 : 768;
    check(
        dtype,
        128,
        "embedding",
        "128 x " + C,
        (k, pair) -> {
          Positions positions = new Positions(2, 64, 0);
          Tensor ids = pair.ids(128, 50);
          Tensor wte = pair.normal(DType.FLOAT32, 50, C);
          Tensor wpe = pair.normal(DType.FLOAT32, 64, C);
          k.embedding(positions, ids, wte, wpe, pair.zeros(dtype, 128, C));
          Gradient dWte = Gradient.of(pair.zeros(DType.FLOAT32, 50, C), false);
          Gradient dWpe = Gradient.of(pair.zeros(DType.FLOAT32, 64, C), false);
          k.embeddingBackward(positions, ids, pair.normal(dtype, 128, C), dWte, dWpe);
        });
  }

  private void optimizer() {
    check(
        DType.FLOAT32,
        "AdamW, sums of squares",
        "100003",
        (k, pair) -> {
          var v = pair.zeros(DType.FLOAT32, 1, 100_003).flat(100_003);
          k.adamW(ADAM, pair.flat(100_003), pair.flat(100_003), pair.flat(100_003), v);
          pair.result(k.sumOfSquares(v));
          k.addScaled(-1, pair.flat(100_003), pair.flat(100_003), true, true);
        });
  }

  /** A small model's gradients against the reference's, and two runs of five steps. */
  private void model(DType dtype) {
    GPTConfig config =
        small ? GPTConfig.gpt2(16, 31, 1, 2, 16) : GPTConfig.gpt2(64, 257, 2, 2, 128);
    Trained expected = Trained.of("plain", config, dtype, 1);
    Trained got = Trained.of(backend, config, dtype, 1);
    double distance = 0;
    double length = 0;
    for (int i = 0; i < got.gradients.length; i++) {
      distance += Math.pow(got.gradients[i] - expected.gradients[i], 2);
      length += Math.pow(expected.gradients[i], 2);
    }
    double error = Math.sqrt(distance / length);
    double allowed = dtype == DType.FLOAT32 ? ALLOWED.get(dtype) : MODEL_BFLOAT16;
    String name = dtype.toString();
    report.check("gradients of a model", error, allowed, "dtype", name);
    Trained again = Trained.of(backend, config, dtype, 5);
    boolean same = Arrays.equals(again.losses, Trained.of(backend, config, dtype, 5).losses);
    report.check("the same bits twice", same ? 0 : 1, 0, "dtype", name);
    double fell = again.losses[4] - again.losses[0];
    report.check("the loss falls", fell, 0, "dtype", name, "by", -fell);
  }

  /** Losses of some steps on one batch, and the gradients of the last one. */
  private record Trained(double[] losses, double[] gradients) {
    static Trained of(String backend, GPTConfig config, DType dtype, int steps) {
      try (GPT model = GPT.create(config, backend, DType.FLOAT32, 0)) {
        model.initialize(1);
        int T = config.blockSize();
        try (Training training =
            new Training(model, 2, T, AdamW.NANOGPT, model.weights().layout(), dtype)) {
          Random random = new Random(5);
          int[] ids = random.ints(2L * T + 1, 0, config.vocabSize()).toArray();
          training.setBatch(ids, Arrays.copyOfRange(ids, 1, 2 * T + 1), 2, T);
          double[] losses = new double[steps];
          for (int step = 0; step < steps; step++) {
            if (step > 0) {
              training.update(0.001);
            }
            losses[step] = training.backward(2, T);
          }
          return new Trained(losses, values(training));
        }
      }
    }

    private static double[] values(Training training) {
      return training.gradients().names().stream()
          .map(name -> training.gradients().get(name))
          .flatMapToDouble(tensor -> {
            double[] values = new double[Math.toIntExact(tensor.size())];
            double[] row = new double[tensor.columns()];
            for (int i = 0; i < tensor.rows(); i++) {
              tensor.readRow(i, row);
              System.arraycopy(row, 0, values, i * row.length, row.length);
            }
            return Arrays.stream(values);
          })
          .toArray();
    }
  }
}
