package org.pygpt.kernels.cpu;

import org.pygpt.tensor.Tensor;

/** to = from, widened or rounded to its dtype. */
record CastKernel(Tensor from, Tensor to) implements RowKernel {
  @Override
  public void block(boolean vectors, Staging staging, int row, int count) {
    Staging.write(staging.read(0, from, row, count), to, row, count);
  }
}
