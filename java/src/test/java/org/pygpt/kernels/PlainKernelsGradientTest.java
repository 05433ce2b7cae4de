package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE;
import static org.pygpt.support.Tolerances.FINITE_STEP;

import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * The backward of every op in float64 against central differences of its forward, element by
 * element of every input.
 *
 * <p>The loss is the dot product of the output and a random array, which is then the output's
 * gradient.
 */
class PlainKernelsGradientTest {
  private final Kernels kernels = new PlainKernels();
  private final Tensors tensors = new Tensors(DType.FLOAT64, 3);

  @AfterEach
  void free() {
    tensors.close();
  }

  private static double dot(int rows, Tensor a, Tensor b) {
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < a.columns(); c++) {
        sum += HostMemory.get(a, row, c) * HostMemory.get(b, row, c);
      }
    }
    return sum;
  }

  /** The first rows of x, (rows, columns). */
  private static double[][] values(int rows, Tensor x) {
    double[][] values = new double[rows][x.columns()];
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        values[row][c] = HostMemory.get(x, row, c);
      }
    }
    return values;
  }

  /** Compares dX, less what was in it before, with the slope of the loss in each element of x. */
  private static void assertSlopes(
      int rows, Tensor x, double[][] before, Tensor dX, String what, DoubleSupplier loss) {
    double[][] gradient = values(rows, dX);
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        double value = HostMemory.get(x, row, c);
        HostMemory.set(x, row, c, value + FINITE_STEP);
        double above = loss.getAsDouble();
        HostMemory.set(x, row, c, value - FINITE_STEP);
        double below = loss.getAsDouble();
        HostMemory.set(x, row, c, value);
        double slope = (above - below) / (2 * FINITE_STEP);
        double got = gradient[row][c] - (before == null ? 0 : before[row][c]);
        assertEquals(
            slope,
            got,
            FINITE_DIFFERENCE * Math.max(1, Math.abs(slope)),
            what + " (" + row + ", " + c + ")");
      }
    }
  }

  private static double[][] before(boolean add, int rows, Tensor x) {
    return add ? values(rows, x) : null;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void linear(boolean transposed) {
    Tensor x = tensors.input(3, 5);
    Tensor weight = transposed ? tensors.input(7, 5) : tensors.input(5, 7);
    Tensor bias = tensors.input(1, 7);
    Tensor out = tensors.output(3, 7);
    Tensor dOut = tensors.input(3, 7);
    DoubleSupplier loss =
        () -> {
          kernels.gemm(new MatMul(3, 7, 5, false, transposed, false), x, weight, out);
          kernels.bias(3, bias, out);
          return dot(3, out, dOut);
        };
    Tensor dX = tensors.output(3, 5);
    kernels.gemm(new MatMul(3, 5, 7, false, !transposed, false), dOut, weight, dX);
    assertSlopes(3, x, null, dX, "dX", loss);
    Tensor dWeight = transposed ? tensors.output(7, 5) : tensors.output(5, 7);
    double[][] before = values(transposed ? 7 : 5, dWeight);
    if (transposed) {
      kernels.gemm(new MatMul(7, 5, 3, true, false, true), dOut, x, dWeight);
    } else {
      kernels.gemm(new MatMul(5, 7, 3, true, false, true), x, dOut, dWeight);
    }
    assertSlopes(before.length, weight, before, dWeight, "dWeight", loss);
    for (boolean add : new boolean[] {false, true}) {
      Tensor dBias = tensors.output(1, 7);
      double[][] old = before(add, 1, dBias);
      kernels.biasBackward(3, dOut, Gradient.of(dBias, add));
      assertSlopes(1, bias, old, dBias, "dBias", loss);
    }
  }

  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void embedding(boolean addWte, boolean addWpe) {
    Tensor ids = tensors.integers(2 * 3, 0, 5);
    Tensor wte = tensors.whole(5, 7);
    Tensor wpe = tensors.whole(4, 7);
    Tensor out = tensors.output(2 * 3, 7);
    Tensor dOut = tensors.input(2 * 3, 7);
    Tensor dWte = tensors.whole(5, 7);
    Tensor dWpe = tensors.whole(4, 7);
    double[][] beforeWte = before(addWte, 5, dWte);
    double[][] beforeWpe = before(addWpe, 4, dWpe);
    kernels.embeddingBackward(
        new Positions(2, 3, 0), ids, dOut, Gradient.of(dWte, addWte), Gradient.of(dWpe, addWpe));
    DoubleSupplier loss =
        () -> {
          kernels.embedding(new Positions(2, 3, 0), ids, wte, wpe, out);
          return dot(6, out, dOut);
        };
    assertSlopes(5, wte, beforeWte, dWte, "dWte", loss);
    assertSlopes(4, wpe, beforeWpe, dWpe, "dWpe", loss);
  }

  @ParameterizedTest
  @CsvSource({
    "true, true, true, false", "true, true, false, true", "true, false, true, true",
    "true, false, false, false", "false, true, true, false", "false, true, false, true",
    "false, false, false, true"
  })
  void norm(boolean centred, boolean gain, boolean biased, boolean add) {
    NormSpec spec = new NormSpec(centred, 1e-5);
    Tensor x = tensors.input(3, 7);
    Tensor weight = gain ? tensors.input(1, 7) : null;
    Tensor bias = biased ? tensors.input(1, 7) : null;
    Tensor out = tensors.output(3, 7);
    Tensor statistics = tensors.output(3, 2);
    Tensor dOut = tensors.input(3, 7);
    Tensor dX = tensors.output(3, 7);
    Tensor dWeight = gain ? tensors.output(1, 7) : null;
    Tensor dBias = biased ? tensors.output(1, 7) : null;
    double[][] beforeX = before(add, 3, dX);
    double[][] beforeWeight = gain ? before(!add, 1, dWeight) : null;
    double[][] beforeBias = biased ? before(!add, 1, dBias) : null;
    DoubleSupplier loss =
        () -> {
          kernels.norm(3, new Norm(spec, weight, bias), x, out, statistics);
          return dot(3, out, dOut);
        };
    loss.getAsDouble(); // for the statistics
    kernels.normBackward(
        3,
        new Norm(spec, weight, null),
        dOut,
        x,
        statistics,
        Gradient.of(dX, add),
        Gradient.of(dWeight, !add),
        Gradient.of(dBias, !add));
    assertSlopes(3, x, beforeX, dX, "dX", loss);
    if (gain) {
      assertSlopes(1, weight, beforeWeight, dWeight, "dWeight", loss);
    }
    if (biased) {
      assertSlopes(1, bias, beforeBias, dBias, "dBias", loss);
    }
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void activation(Activation kind) {
    int in = kind.inputsPerOutput() * 7;
    Tensor x = tensors.input(3, in, 0, 2);
    Tensor bias = tensors.input(1, in);
    Tensor out = tensors.output(3, 7);
    Tensor dOut = tensors.input(3, 7);
    for (boolean add : new boolean[] {false, true}) {
      Tensor dX = tensors.output(3, in);
      Tensor dBias = tensors.output(1, in);
      double[][] before = before(add, 1, dBias);
      kernels.activationBackward(kind, 3, x, bias, dOut, dX, Gradient.of(dBias, add));
      DoubleSupplier loss =
          () -> {
            kernels.activation(kind, 3, x, bias, out);
            return dot(3, out, dOut);
          };
      assertSlopes(3, x, null, dX, "dX", loss);
      assertSlopes(1, bias, before, dBias, "dBias", loss);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void rotary(int past) {
    Tensor angles = tensors.input(past + 3, 4);
    Tensor x = tensors.input(2 * 3, 3 * 4);
    Tensor turned = tensors.output(2 * 3, 3 * 4);
    Tensor dX = tensors.output(2 * 3, 3 * 4);
    double[][] dOut = values(6, dX);
    kernels.rotary(new Rotation(2, angles, true), new Positions((6) / (3), 3, past), dX);
    DoubleSupplier loss =
        () -> {
          kernels.copy(6, x, turned, 0);
          kernels.rotary(new Rotation(2, angles, false), new Positions((6) / (3), 3, past), turned);
          double sum = 0;
          for (int row = 0; row < 6; row++) {
            for (int c = 0; c < 12; c++) {
              sum += dOut[row][c] * HostMemory.get(turned, row, c);
            }
          }
          return sum;
        };
    assertSlopes(6, x, null, dX, "dX", loss);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5})
  void dropout(double probability) {
    DropoutMask mask = new DropoutMask(probability);
    mask.setKey(17);
    Tensor x = tensors.input(5, 7);
    Tensor bias = tensors.input(1, 7);
    Tensor out = tensors.output(5, 7);
    Tensor dOut = tensors.input(5, 7);
    Tensor dX = tensors.output(5, 7);
    kernels.dropoutBackward(5, dOut, mask, dX);
    DoubleSupplier loss =
        () -> {
          kernels.dropout(5, x, bias, mask, out);
          return dot(5, out, dOut);
        };
    assertSlopes(5, x, null, dX, "dX", loss);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1, 0",
    "2, 3, 3, 3, 2, 0",
    "2, 5, 4, 2, 3, 0",
    "1, 5, 6, 1, 2, 0",
    "2, 5, 3, 3, 2, 0.3",
    "2, 5, 4, 2, 3, 0.3"
  })
  void attention(int B, int T, int H, int kvHeads, int D, double dropout) {
    DropoutMask mask = dropout == 0 ? null : new DropoutMask(dropout);
    int rows = B * T;
    Tensor q = tensors.input(rows, H * D);
    Tensor k = tensors.input(rows, kvHeads * D);
    Tensor v = tensors.input(rows, kvHeads * D);
    Tensor out = tensors.output(rows, H * D);
    Tensor logsumexp = tensors.output(B * H, T);
    Tensor dOut = tensors.input(rows, H * D);
    Tensor dQ = tensors.output(rows, H * D);
    Tensor dK = tensors.output(rows, kvHeads * D);
    Tensor dV = tensors.output(rows, kvHeads * D);
    DoubleSupplier loss =
        () -> {
          kernels.attention(
              new AttentionSpec(B, T, T, H, kvHeads, true),
              new Heads(q, k, v),
              mask,
              out,
              logsumexp);
          return dot(rows, out, dOut);
        };
    loss.getAsDouble(); // for out and logsumexp
    kernels.attentionBackward(
        AttentionSpec.causal(B, T, H, kvHeads),
        new Heads(q, k, v),
        mask,
        out,
        logsumexp,
        dOut,
        new Heads(dQ, dK, dV));
    assertSlopes(rows, q, null, dQ, "dQ", loss);
    assertSlopes(rows, k, null, dK, "dK", loss);
    assertSlopes(rows, v, null, dV, "dV", loss);
  }

  @ParameterizedTest
  @CsvSource({"2, 0, 0, 0", "0, 1.5, 0, 0", "0, 0, 8, 0", "3, 0.8, 4, 0.9"})
  void attentionWithShapedScores(int window, double cap, double alibi, double scale) {
    int rows = 2 * 5;
    int H = 3;
    int D = 2;
    AttentionSpec spec =
        new AttentionSpec(2, 5, 5, H, 1, true, new ScoreSpec(scale, cap, window, alibi));
    Tensor q = tensors.input(rows, H * D);
    Tensor k = tensors.input(rows, D);
    Tensor v = tensors.input(rows, D);
    Tensor out = tensors.output(rows, H * D);
    Tensor logsumexp = tensors.output(2 * H, 5);
    Tensor dOut = tensors.input(rows, H * D);
    DoubleSupplier loss =
        () -> {
          kernels.attention(spec, new Heads(q, k, v), null, out, logsumexp);
          return dot(rows, out, dOut);
        };
    loss.getAsDouble(); // for out and logsumexp
    Tensor dQ = tensors.output(rows, H * D);
    Tensor dK = tensors.output(rows, D);
    Tensor dV = tensors.output(rows, D);
    Heads gradients = new Heads(dQ, dK, dV);
    kernels.attentionBackward(spec, new Heads(q, k, v), null, out, logsumexp, dOut, gradients);
    assertSlopes(rows, q, null, dQ, "dQ", loss);
    assertSlopes(rows, k, null, dK, "dK", loss);
    assertSlopes(rows, v, null, dV, "dV", loss);
  }

  @ParameterizedTest
  @CsvSource({"2, 3, 5, 3, 1, false", "2, 5, 3, 4, 2, false", "2, 3, 7, 2, 2, true"})
  void attentionToOtherKeys(int B, int queries, int keys, int H, int kvHeads, boolean causal) {
    AttentionSpec spec = new AttentionSpec(B, queries, keys, H, kvHeads, causal);
    int D = 2;
    Tensor q = tensors.input(B * queries, H * D);
    Tensor k = tensors.input(B * keys, kvHeads * D);
    Tensor v = tensors.input(B * keys, kvHeads * D);
    Tensor out = tensors.output(B * queries, H * D);
    Tensor logsumexp = tensors.output(B * H, queries);
    Tensor dOut = tensors.input(B * queries, H * D);
    DoubleSupplier loss =
        () -> {
          kernels.attention(spec, new Heads(q, k, v), null, out, logsumexp);
          return dot(B * queries, out, dOut);
        };
    loss.getAsDouble(); // for out and logsumexp
    Tensor dQ = tensors.output(B * queries, H * D);
    Tensor dK = tensors.output(B * keys, kvHeads * D);
    Tensor dV = tensors.output(B * keys, kvHeads * D);
    Heads gradients = new Heads(dQ, dK, dV);
    kernels.attentionBackward(spec, new Heads(q, k, v), null, out, logsumexp, dOut, gradients);
    assertSlopes(B * queries, q, null, dQ, "dQ", loss);
    assertSlopes(B * keys, k, null, dK, "dK", loss);
    assertSlopes(B * keys, v, null, dV, "dV", loss);
  }

  @Test
  void weightedCrossEntropy() {
    Tensor logits = tensors.input(11, 7, 0, 2);
    Tensor targets = tensors.integers(11, -2, 7);
    Tensor weights = tensors.input(11, 1); // of either sign
    Tensor losses = tensors.output(11, 1);
    Tensor dLogits = tensors.output(11, 7);
    double loss =
        kernels.crossEntropy(11, logits, new CrossEntropy(targets, weights, losses, dLogits));
    assertEquals(dot(11, weights, losses), loss, 1e-12);
    CrossEntropy again = new CrossEntropy(targets, weights, null, null);
    assertSlopes(
        11, logits, null, dLogits, "dLogits", () -> kernels.crossEntropy(11, logits, again));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -2})
  void crossEntropy(int lowest) {
    Tensor logits = tensors.input(11, 7, 0, 2);
    Tensor targets = tensors.integers(11, lowest, 7);
    Tensor dLogits = tensors.output(11, 7);
    kernels.crossEntropy(11, logits, CrossEntropy.mean(targets, dLogits));
    assertSlopes(
        11,
        logits,
        null,
        dLogits,
        "dLogits",
        () -> kernels.crossEntropy(11, logits, CrossEntropy.mean(targets, null)));
  }
}
