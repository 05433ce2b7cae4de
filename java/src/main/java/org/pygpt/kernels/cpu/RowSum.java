package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.Gradient;

/** Mutable: the sum of one vector over all rows, kept by each worker for its own rows. */
final class RowSum {
  private final Workers workers;
  private final int slot;
  private final float[][] partial;

  /** A sum that is kept in this slot of the workers' scratch arrays. */
  RowSum(Workers workers, int slot) {
    this.workers = workers;
    this.slot = slot;
    partial = new float[workers.size()][];
  }

  /** Begins a worker's sum with zeros; call it in {@link RowKernel#prepare}. */
  void begin(Staging staging, int length) {
    float[] array = staging.array(slot, length);
    Arrays.fill(array, 0, length, 0);
    partial[staging.worker()] = array;
  }

  /** The array of this worker. */
  float[] of(Staging staging) {
    return partial[staging.worker()];
  }

  /** Writes or adds the workers' sums to a vector, in their order; does nothing if it is null. */
  void store(Gradient vector) {
    if (vector == null) {
      return;
    }
    int length = vector.tensor().columns();
    Staging staging = workers.staging(0);
    float[] total = staging.array(0, length);
    if (vector.add()) {
      staging.read(0, vector.tensor(), 0, 1);
    } else {
      Arrays.fill(total, 0, length, 0);
    }
    for (float[] sum : partial) {
      if (sum != null) {
        VectorMath.add(workers.vectors(), sum, 0, total, 0, length);
      }
    }
    Staging.write(total, vector.tensor(), 0, 1);
  }
}
