package org.pygpt.kernels.nd4j;

import java.util.Arrays;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * The readable backend: each matrix operation is one ND4J call on views of the same memory.
 *
 * <p>Each call costs ND4J some 10 µs of dispatch, whatever its size, so this is slow for small
 * models. It runs wherever ND4J does, nd4j-cuda included.
 */
public final class Nd4jKernels implements Kernels {
  /** What masked scores get: their softmax is 0. */
  private static final float MASKED = Float.NEGATIVE_INFINITY;

  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public String description() {
    Object blas = Nd4j.factory().blas().getBlasVendor();
    return "ND4J " + Nd4j.getBackend().getClass().getSimpleName() + ", BLAS " + blas;
  }

  /** The first {@code rows} rows of a tensor as an ND4J array that shares its memory. */
  private static INDArray view(Tensor tensor, int rows) {
    return view(tensor, 0, rows);
  }

  private static INDArray view(Tensor tensor, int from, int rows) {
    long[] shape = {rows, tensor.columns()};
    long[] strides = {tensor.rowStride(), 1};
    long offset = tensor.memory().firstElement() + tensor.at(from);
    return Nd4j.create(tensor.memory().buffer(), shape, strides, offset, 'c');
  }

  private static void assign(INDArray value, boolean add, INDArray target) {
    if (add) {
      target.addi(value);
    } else {
      target.assign(value);
    }
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
    // BLAS is column-major: row-major c is column-major c^T = op(b)^T @ op(a)^T.
    INDArray left = view(b, transposeB ? n : k).transpose();
    INDArray right = view(a, transposeA ? k : m).transpose();
    INDArray result = view(c, m).transpose();
    Nd4j.gemm(left, right, result, transposeB, transposeA, 1, add ? 1 : 0);
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    INDArray tokens = Nd4j.pullRows(view(wte, wte.rows()), 1, rowsOf(ids, B * T));
    INDArray positions = view(wpe, past, T);
    for (int b = 0; b < B; b++) {
      INDArray rows = tokens.get(interval(b * T, T));
      view(out, b * T, T).assign(rows.add(positions));
    }
  }

  @Override
  public void embeddingBackward(int B, int T, Tensor ids, Tensor dOut, Tensor dWte, Tensor dWpe) {
    for (int b = 0; b < B; b++) {
      view(dWpe, T).addi(view(dOut, b * T, T));
    }
    int[] rows = rowsOf(ids, B * T);
    for (int i = 0; i < rows.length; i++) {
      view(dWte, rows[i], 1).addi(view(dOut, i, 1));
    }
  }

  private static org.nd4j.linalg.indexing.INDArrayIndex interval(int from, int count) {
    return org.nd4j.linalg.indexing.NDArrayIndex.interval(from, from + count);
  }

  private static int[] rowsOf(Tensor ids, int count) {
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      rows[i] = (int) ids.get(i, 0);
    }
    return rows;
  }

  @Override
  public void rmsNorm(int rows, Tensor x, Tensor out, Tensor rstd) {
    INDArray input = view(x, rows);
    INDArray meanSquare = input.mul(input).mean(true, 1);
    INDArray inverse = Transforms.sqrt(meanSquare.addi(RMS_NORM_EPSILON)).rdivi(1);
    view(rstd, rows).assign(inverse);
    view(out, rows).assign(input.mulColumnVector(inverse));
  }

  @Override
  public void rmsNormBackward(
      int rows, Tensor dOut, Tensor out, Tensor rstd, boolean add, Tensor dX) {
    INDArray gradient = view(dOut, rows);
    INDArray output = view(out, rows);
    INDArray mean = gradient.mul(output).mean(true, 1);
    INDArray dInput = gradient.sub(output.mulColumnVector(mean)).muliColumnVector(view(rstd, rows));
    assign(dInput, add, view(dX, rows));
  }

  @Override
  public void relu(int rows, Tensor x, Tensor out) {
    view(out, rows).assign(Transforms.max(view(x, rows), 0));
  }

  @Override
  public void reluBackward(int rows, Tensor dOut, Tensor out, boolean add, Tensor dX) {
    INDArray positive = view(out, rows).gt(0).castTo(DataType.FLOAT);
    assign(positive.muli(view(dOut, rows)), add, view(dX, rows));
  }

  @Override
  public void add(int rows, Tensor a, Tensor b, Tensor out) {
    view(out, rows).assign(view(a, rows).add(view(b, rows)));
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    view(to, toRow, rows).assign(view(from, rows));
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
    int D = q.columns() / H;
    INDArray mask = mask(T, past);
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        INDArray queries = head(q, h, D, b * T, T);
        INDArray keys = head(k, h, D, b * T, past + T);
        INDArray values = head(v, h, D, b * T, past + T);
        INDArray scores = queries.mmul(keys.transpose()).muli(1 / Math.sqrt(D)); // (T, past + T)
        INDArray p = Transforms.softmax(scores.addi(mask));
        view(out.columns(h * D, D), b * T, T).assign(p.mmul(values));
        view(probabilities.columns(0, past + T), (b * H + h) * T, T).assign(p);
      }
    }
  }

  /** (T, past + T): -infinity where key s > past + t is in the future of query t, else 0. */
  private static INDArray mask(int T, int past) {
    float[] mask = new float[T * (past + T)];
    for (int t = 0; t < T; t++) {
      Arrays.fill(mask, t * (past + T) + past + t + 1, (t + 1) * (past + T), MASKED);
    }
    return Nd4j.createFromArray(mask).reshape(T, past + T);
  }

  private static INDArray head(Tensor x, int h, int D, int from, int rows) {
    return view(x.columns(h * D, D), from, rows).dup('c');
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
    int D = q.columns() / H;
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        INDArray p = view(probabilities.columns(0, T), (b * H + h) * T, T).dup('c');
        INDArray dMixed = head(dOut, h, D, b * T, T);
        INDArray dP = dMixed.mmul(head(v, h, D, b * T, T).transpose()); // (T, D) @ (D, T)
        INDArray mean = p.mul(dP).sum(true, 1);
        INDArray dScores = dP.subiColumnVector(mean).muli(p).muli(1 / Math.sqrt(D));
        INDArray dQueries = dScores.mmul(head(k, h, D, b * T, T));
        INDArray dKeys = dScores.transpose().mmul(head(q, h, D, b * T, T));
        view(dQ.columns(h * D, D), b * T, T).assign(dQueries);
        view(dK.columns(h * D, D), b * T, T).assign(dKeys);
        view(dV.columns(h * D, D), b * T, T).assign(p.transpose().mmul(dMixed));
      }
    }
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    INDArray x = view(logits, rows);
    INDArray shifted = x.subColumnVector(x.max(true, 1));
    INDArray exponentials = Transforms.exp(shifted);
    INDArray sums = exponentials.sum(true, 1);
    INDArray gradient = exponentials.divColumnVector(sums);
    int[] wanted = rowsOf(targets, rows);
    int scored = 0;
    double loss = 0;
    for (int row = 0; row < rows; row++) {
      if (wanted[row] < 0) {
        gradient.getRow(row).assign(0);
        continue;
      }
      scored++;
      loss += Math.log(sums.getDouble(row, 0)) - shifted.getDouble(row, wanted[row]);
      gradient.putScalar(row, wanted[row], gradient.getDouble(row, wanted[row]) - 1);
    }
    view(dLogits, rows).assign(gradient.divi(Math.max(1, scored)));
    return scored == 0 ? 0 : loss / scored;
  }

  @Override
  public void adam(AdamStep step, Tensor weights, Tensor gradients, Tensor m, Tensor v) {
    INDArray g = view(gradients, gradients.rows());
    INDArray first = view(m, m.rows());
    INDArray second = view(v, v.rows());
    first.muli(step.beta1()).addi(g.mul(1 - step.beta1()));
    second.muli(step.beta2()).addi(g.mul(g).muli(1 - step.beta2()));
    INDArray root = Transforms.sqrt(second.mul(step.correction2())).addi(step.epsilon());
    INDArray move = first.mul(step.rate() * step.correction1()).divi(root);
    view(weights, weights.rows()).subi(move);
  }
}
