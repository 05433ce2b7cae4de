package org.pygpt.kernels.cpu;

import org.pygpt.kernels.DropoutMask;
import org.pygpt.tensor.Tensor;

/** Dropout, out = (x + bias) * the mask, which is its own gradient; bias may be null. */
record DropoutKernel(Tensor x, Tensor bias, DropoutMask mask, Tensor out) implements RowKernel {
  @Override
  public void prepare(Staging staging) {
    staging.readVector(1, bias, x.columns(), 0);
  }

  @Override
  public void block(boolean vectors, Staging staging, int row, int count) {
    int n = x.columns();
    float[] values = staging.read(0, x, row, count);
    if (bias != null) {
      BiasKernel.addToRows(vectors, staging.array(1, n), values, count, n);
    }
    long first = (long) row * n;
    for (int i = 0; i < count * n; i++) {
      values[i] *= mask.factor(first + i);
    }
    Staging.write(values, out, row, count);
  }
}
