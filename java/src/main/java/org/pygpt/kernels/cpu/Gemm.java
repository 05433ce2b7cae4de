package org.pygpt.kernels.cpu;

import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch memory): matrix products by whichever way is fastest at their size: our own
 * loops on one thread, one native call, or a native call for each thread on its part of the result;
 * few rows in a way of their own.
 */
final class Gemm implements AutoCloseable {
  /** From this many multiply-adds on, a native call is faster than our own loops. */
  private static final long NATIVE_FROM = 64 * 64 * 32;

  /** Parts begin at whole cache lines, and at whole tiles of the native kernels. */
  private static final int MULTIPLE = 16;

  private final Workers workers;
  private final Gemv gemv;

  Gemm(Workers workers) {
    this.workers = workers;
    gemv = new Gemv(workers);
  }

  /** c (+)= op(a) @ op(b). */
  void multiply(MatMul shape, Tensor a, Tensor b, Tensor c) {
    long work = (long) shape.m() * shape.n() * shape.k();
    if (a.dtype() == DType.BFLOAT16) {
      new Bfloat16Gemm(workers, shape, a, b, c).run();
    } else if (Gemv.takes(shape)) {
      gemv.multiply(shape, a, b, c);
    } else if (work < NATIVE_FROM) {
      workers.count(work);
      small(shape, a, b, c);
    } else {
      int units = Math.max(shape.m(), shape.n());
      workers.run(new Part(shape, a, b, c), units, MULTIPLE, work);
    }
  }

  private void small(MatMul shape, Tensor a, Tensor b, Tensor c) {
    int m = shape.m();
    int n = shape.n();
    int k = shape.k();
    Staging staging = workers.staging(0);
    float[] left = staging.read(0, a, 0, shape.transposeA() ? k : m);
    float[] right = staging.read(1, b, 0, shape.transposeB() ? n : k);
    if (shape.transposeB()) {
      right = transpose(right, n, k, staging.array(2, n * k));
    }
    float[] product = shape.add() ? staging.read(3, c, 0, m) : staging.array(3, m * n);
    int aRow = shape.transposeA() ? 1 : k;
    int aColumn = shape.transposeA() ? m : 1;
    SmallGemm.multiply(
        workers.vectors(), left, aRow, aColumn, right, n, product, n, m, n, k, shape.add());
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

  /** A native product, divided by rows of the result, or by columns where it has more of them. */
  private record Part(MatMul shape, Tensor a, Tensor b, Tensor c) implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      boolean byRows = shape.m() >= shape.n();
      int row = byRows ? from : 0;
      int column = byRows ? 0 : from;
      NativeGemm.multiply(
          new MatMul(
              byRows ? to - from : shape.m(),
              byRows ? shape.n() : to - from,
              shape.k(),
              shape.transposeA(),
              shape.transposeB(),
              shape.add()),
          HostMemory.address(a) + 4L * row * (shape.transposeA() ? 1 : a.rowStride()),
          a.rowStride(),
          HostMemory.address(b) + 4L * column * (shape.transposeB() ? b.rowStride() : 1),
          b.rowStride(),
          HostMemory.address(c) + 4L * row * c.rowStride() + 4L * column,
          c.rowStride());
    }
  }

  @Override
  public void close() {
    gemv.close();
  }
}
