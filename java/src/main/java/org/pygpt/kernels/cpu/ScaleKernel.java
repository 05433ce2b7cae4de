package org.pygpt.kernels.cpu;

import org.pygpt.tensor.Tensor;

/** out = factor * x. */
record ScaleKernel(float factor, Tensor x, Tensor out) implements RowKernel {
  @Override
  public void block(boolean vectors, Staging staging, int row, int count) {
    float[] values = staging.read(0, x, row, count);
    VectorMath.scale(vectors, values, count * x.columns(), factor);
    Staging.write(values, out, row, count);
  }
}
