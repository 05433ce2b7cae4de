package org.pygpt.kernels.cpu;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;

/** A scaled flat array that is copied or added to another; see {@code Kernels.addScaled}. */
record AddKernel(Workers workers, float factor, Flat x, Flat to, boolean add, boolean rounded)
    implements Team.Task {
  /** Passes over all elements. */
  void run() {
    int blocks = Math.toIntExact((to.length() + Staging.BLOCK - 1) / Staging.BLOCK);
    workers.run(this, blocks, 1, Workers.workOf(to.length()));
  }

  @Override
  public void run(int worker, int firstBlock, int lastBlock) {
    Staging staging = workers.staging(worker);
    for (int block = firstBlock; block < lastBlock; block++) {
      long start = (long) block * Staging.BLOCK;
      int count = (int) Math.min(Staging.BLOCK, to.length() - start);
      float[] values = staging.read(0, x, start, count);
      if (add) {
        float[] before = staging.read(1, to, start, count);
        for (int i = 0; i < count; i++) {
          values[i] = before[i] + factor * values[i];
        }
      } else {
        for (int i = 0; i < count; i++) {
          values[i] = factor * values[i];
        }
      }
      for (int i = 0; rounded && i < count; i++) {
        values[i] = DType.fromBfloat16(DType.toBfloat16(values[i]));
      }
      Staging.write(values, to, start, count);
    }
  }
}
