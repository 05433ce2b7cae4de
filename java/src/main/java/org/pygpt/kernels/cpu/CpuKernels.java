package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/** Mutable (scratch arrays): the fast kernels, float32, for one thread. */
public final class CpuKernels implements Kernels {
  /** From this many multiply-adds on, a native call is faster than our own loops. */
  private static final long NATIVE_GEMM_FROM = 64 * 64 * 32;

  /**
   * Floats that a row-wise kernel stages at once: four such arrays stay in the first-level cache.
   */
  private static final int BLOCK = 2048;

  private final Staging staging = new Staging(5);
  private final SmallGemm smallGemm = new SmallGemm();
  private final SmallAttention attention = new SmallAttention();

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return (NativeGemm.hasOneDnn() ? "oneDNN" : "OpenBLAS") + " for large products, own kernels";
  }

  @Override
  public void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      boolean add,
      Tensor c) {
    if ((long) m * n * k >= NATIVE_GEMM_FROM) {
      NativeGemm.get().multiply(transposeA, transposeB, m, n, k, a, b, add, c);
      return;
    }
    float[] left = staging.read(0, a, 0, transposeA ? k : m);
    float[] right = staging.read(1, b, 0, transposeB ? n : k);
    if (transposeB) {
      right = transpose(right, n, k, staging.array(2, n * k));
    }
    float[] product = add ? staging.read(3, c, 0, m) : staging.array(3, m * n);
    int aRow = transposeA ? 1 : k;
    int aColumn = transposeA ? m : 1;
    smallGemm.multiply(left, aRow, aColumn, right, product, m, n, k, add);
    Staging.write(product, c, 0, m);
  }

  private static float[] transpose(float[] from, int rows, int columns, float[] to) {
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        to[j * rows + i] = from[i * columns + j];
      }
    }
    return to;
  }

  /** How many rows of {@code tensor} a row-wise kernel stages at once. */
  private static int block(Tensor tensor) {
    return Math.max(1, BLOCK / tensor.columns());
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    int C = out.columns();
    for (int row = 0; row < B * T; row++) {
      float[] token = staging.read(0, wte, id(ids, row), 1);
      float[] position = staging.read(1, wpe, past + row % T, 1);
      addTo(token, position, C);
      Staging.write(token, out, row, 1);
    }
  }

  @Override
  public void embeddingBackward(int B, int T, Tensor ids, Tensor dOut, Tensor dWte, Tensor dWpe) {
    int C = dOut.columns();
    for (int row = 0; row < B * T; row++) {
      float[] gradient = staging.read(0, dOut, row, 1);
      float[] token = staging.read(1, dWte, id(ids, row), 1);
      addTo(token, gradient, C);
      Staging.write(token, dWte, id(ids, row), 1);
      float[] position = staging.read(1, dWpe, row % T, 1);
      addTo(position, gradient, C);
      Staging.write(position, dWpe, row % T, 1);
    }
  }

  private static int id(Tensor ids, int row) {
    return ids.memory().segment().getAtIndex(ValueLayout.JAVA_INT, ids.at(row));
  }

  private static void addTo(float[] sum, float[] x, int length) {
    for (int i = 0; i < length; i++) {
      sum[i] += x[i];
    }
  }

  @Override
  public void rmsNorm(int rows, Tensor x, Tensor out, Tensor rstd) {
    int C = x.columns();
    for (int from = 0; from < rows; from += block(x)) {
      int count = Math.min(block(x), rows - from);
      float[] input = staging.read(0, x, from, count);
      float[] inverse = staging.array(1, count);
      for (int row = 0; row < count; row++) {
        float squares = 0;
        for (int i = row * C; i < (row + 1) * C; i++) {
          squares = Math.fma(input[i], input[i], squares);
        }
        float r = (float) (1 / Math.sqrt(squares / C + RMS_NORM_EPSILON));
        for (int i = row * C; i < (row + 1) * C; i++) {
          input[i] *= r;
        }
        inverse[row] = r;
      }
      Staging.write(input, out, from, count);
      Staging.write(inverse, rstd, from, count);
    }
  }

  @Override
  public void rmsNormBackward(
      int rows, Tensor dOut, Tensor out, Tensor rstd, boolean add, Tensor dX) {
    int C = out.columns();
    for (int from = 0; from < rows; from += block(out)) {
      int count = Math.min(block(out), rows - from);
      float[] dOutput = staging.read(0, dOut, from, count);
      float[] output = staging.read(1, out, from, count);
      float[] inverse = staging.read(2, rstd, from, count);
      for (int row = 0; row < count; row++) {
        float dot = 0;
        for (int i = row * C; i < (row + 1) * C; i++) {
          dot = Math.fma(dOutput[i], output[i], dot);
        }
        float mean = dot / C;
        for (int i = row * C; i < (row + 1) * C; i++) {
          dOutput[i] = inverse[row] * (dOutput[i] - output[i] * mean);
        }
      }
      writeOrAdd(dOutput, add, dX, from, count);
    }
  }

  private void writeOrAdd(float[] gradient, boolean add, Tensor dX, int from, int count) {
    if (add) {
      addTo(gradient, staging.read(4, dX, from, count), count * dX.columns());
    }
    Staging.write(gradient, dX, from, count);
  }

  @Override
  public void relu(int rows, Tensor x, Tensor out) {
    for (int from = 0; from < rows; from += block(x)) {
      int count = Math.min(block(x), rows - from);
      float[] input = staging.read(0, x, from, count);
      for (int i = 0; i < count * x.columns(); i++) {
        input[i] = Math.max(input[i], 0);
      }
      Staging.write(input, out, from, count);
    }
  }

  @Override
  public void reluBackward(int rows, Tensor dOut, Tensor out, boolean add, Tensor dX) {
    for (int from = 0; from < rows; from += block(out)) {
      int count = Math.min(block(out), rows - from);
      float[] dOutput = staging.read(0, dOut, from, count);
      float[] output = staging.read(1, out, from, count);
      for (int i = 0; i < count * out.columns(); i++) {
        dOutput[i] = output[i] > 0 ? dOutput[i] : 0;
      }
      writeOrAdd(dOutput, add, dX, from, count);
    }
  }

  @Override
  public void add(int rows, Tensor a, Tensor b, Tensor out) {
    for (int from = 0; from < rows; from += block(a)) {
      int count = Math.min(block(a), rows - from);
      float[] sum = staging.read(0, a, from, count);
      addTo(sum, staging.read(1, b, from, count), count * a.columns());
      Staging.write(sum, out, from, count);
    }
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    long bytes = 4L * from.columns();
    for (int row = 0; row < rows; row++) {
      MemorySegment source = from.memory().segment();
      MemorySegment target = to.memory().segment();
      MemorySegment.copy(source, from.at(row) * 4, target, to.at(toRow + row) * 4, bytes);
    }
  }

  @Override
  public void attention(
      int B,
      int T,
      int past,
      int H,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor probabilities) {
    attention.forward(B, T, past, H, q, k, v, out, probabilities);
  }

  @Override
  public void attentionBackward(
      int B,
      int T,
      int H,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor probabilities,
      Tensor dQ,
      Tensor dK,
      Tensor dV) {
    attention.backward(B, T, H, dOut, q, k, v, probabilities, dQ, dK, dV);
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    int V = logits.columns();
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += id(targets, row) >= 0 ? 1 : 0;
    }
    double loss = 0;
    for (int row = 0; row < rows; row++) {
      int target = id(targets, row);
      float[] x = staging.read(0, logits, row, 1);
      if (target < 0) {
        java.util.Arrays.fill(x, 0, V, 0);
      } else {
        loss += crossEntropyOfRow(x, V, target, 1f / scored);
      }
      Staging.write(x, dLogits, row, 1);
    }
    return scored == 0 ? 0 : loss / scored;
  }

  /** Turns the logits of one position into their gradient; returns the loss. */
  private static double crossEntropyOfRow(float[] x, int V, int target, float scale) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < V; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    double atTarget = x[target] - max;
    for (int i = 0; i < V; i++) {
      x[i] = (float) Math.exp(x[i] - max);
      sum += x[i];
    }
    float inverse = (float) (scale / sum);
    for (int i = 0; i < V; i++) {
      x[i] *= inverse;
    }
    x[target] -= scale;
    return Math.log(sum) - atTarget;
  }

  @Override
  public void adam(AdamStep step, Tensor weights, Tensor gradients, Tensor m, Tensor v) {
    for (int row = 0; row < weights.rows(); row++) {
      for (int from = 0; from < weights.columns(); from += BLOCK) {
        int count = Math.min(BLOCK, weights.columns() - from);
        adamBlock(
            step,
            count,
            weights.rows(row, 1).columns(from, count),
            gradients.rows(row, 1).columns(from, count),
            m.rows(row, 1).columns(from, count),
            v.rows(row, 1).columns(from, count));
      }
    }
  }

  private void adamBlock(
      AdamStep step, int count, Tensor weights, Tensor gradients, Tensor m, Tensor v) {
    float[] w = staging.read(0, weights, 0, 1);
    float[] g = staging.read(1, gradients, 0, 1);
    float[] first = staging.read(2, m, 0, 1);
    float[] second = staging.read(3, v, 0, 1);
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    float rest1 = (float) (1 - step.beta1());
    float rest2 = (float) (1 - step.beta2());
    float rate = (float) (step.rate() * step.correction1());
    float correction2 = (float) step.correction2();
    float epsilon = (float) step.epsilon();
    for (int i = 0; i < count; i++) {
      first[i] = beta1 * first[i] + rest1 * g[i];
      second[i] = beta2 * second[i] + rest2 * g[i] * g[i];
      float root = (float) Math.sqrt(second[i] * correction2) + epsilon;
      w[i] -= rate * first[i] / root;
    }
    Staging.write(w, weights, 0, 1);
    Staging.write(first, m, 0, 1);
    Staging.write(second, v, 0, 1);
  }
}
