package org.pygpt.kernels.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/** Our memory as ND4J arrays, which share it. */
final class Views {
  private Views() {}

  /** The first {@code count} rows of x: (count, columns). */
  static INDArray rows(Tensor x, int count) {
    return rows(x, 0, count);
  }

  /** Rows [from, from + count) of x: (count, columns). */
  static INDArray rows(Tensor x, int from, int count) {
    return of(x.rows(from, count), new long[] {count, x.columns()}, new long[] {x.rowStride(), 1});
  }

  /** The only row of a bias or a gain: (1, columns). */
  static INDArray row(Tensor x) {
    return rows(x, 1);
  }

  /** The rows of x as sequences: (B, T, columns). */
  static INDArray sequences(Tensor x, int B, int T) {
    long stride = x.rowStride();
    return of(x, new long[] {B, T, x.columns()}, new long[] {T * stride, stride, 1});
  }

  /**
   * The first or second half of the rotated columns of each head, in the first {@code count} rows:
   * (count, heads, R/2).
   */
  static INDArray halfHeads(Tensor x, int count, Rotation rotation, int half) {
    int width = rotation.angles().columns() / 2;
    Tensor start = x.columns(half * width, width);
    long[] strides = {x.rowStride(), rotation.D(), 1};
    return of(start, new long[] {count, rotation.heads(), width}, strides);
  }

  /** The rows of x as sequences of groups of heads: (B, groups, heads of a group, T, D). */
  static INDArray headGroups(Tensor x, int B, int T, int groups, int D) {
    long stride = x.rowStride();
    int heads = x.columns() / D / groups;
    long[] shape = {B, groups, heads, T, D};
    return of(x, shape, new long[] {T * stride, (long) heads * D, D, stride, 1});
  }

  /** Elements [from, to) of x: (1, to - from). */
  static INDArray elements(Flat x, long from, long to) {
    return ((Nd4jMemory) x.memory()).elements(x.dtype(), x.from() + from, to - from);
  }

  private static INDArray of(Tensor x, long[] shape, long[] strides) {
    INDArray all = ((Nd4jMemory) x.memory()).array(x.dtype());
    return Nd4j.create(all.data(), shape, strides, x.offset(), 'c');
  }

  /** Stores the gradient of a vector, or adds it. */
  static void store(INDArray value, Gradient gradient) {
    store(value, gradient.add(), row(gradient.tensor()));
  }

  /** target = value, or target += value. */
  static void store(INDArray value, boolean add, INDArray target) {
    if (add) {
      target.addi(value);
    } else {
      target.assign(value);
    }
  }
}
