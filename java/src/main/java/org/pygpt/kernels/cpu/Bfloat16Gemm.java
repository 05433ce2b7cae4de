package org.pygpt.kernels.cpu;

import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A product of bfloat16 matrices, divided among the team by rows of the result, or by columns where
 * it has more of them.
 */
record Bfloat16Gemm(Workers workers, MatMul shape, Tensor a, Tensor b, Tensor c)
    implements Team.Task {
  /** Parts begin at whole tiles of the native kernels. */
  private static final int MULTIPLE = 64;

  /** Such a product is some times as fast as one of float32, which work is measured in. */
  private static final int SPEED = 4;

  /** c (+)= op(a) @ op(b). */
  void run() {
    long work = (long) shape.m() * shape.n() * shape.k() / SPEED;
    workers.run(this, Math.max(shape.m(), shape.n()), MULTIPLE, work);
  }

  @Override
  public void run(int worker, int from, int to) {
    boolean byRows = shape.m() >= shape.n();
    int row = byRows ? from : 0;
    int column = byRows ? 0 : from;
    MatMul part =
        new MatMul(
            byRows ? to - from : shape.m(),
            byRows ? shape.n() : to - from,
            shape.k(),
            shape.transposeA(),
            shape.transposeB(),
            shape.add());
    long aAt = (long) row * (shape.transposeA() ? 1 : a.rowStride());
    long bAt = (long) column * (shape.transposeB() ? b.rowStride() : 1);
    long cAt = (long) row * c.rowStride() + column;
    int bytes = DType.BFLOAT16.bytes();
    workers
        .products(worker)
        .run(
            part,
            HostMemory.address(a) + aAt * bytes,
            a.rowStride(),
            HostMemory.address(b) + bAt * bytes,
            b.rowStride(),
            HostMemory.address(c) + cAt * c.dtype().bytes(),
            c.rowStride(),
            c.dtype());
  }
}
