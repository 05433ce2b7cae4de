package org.pygpt.kernels.cpu;

import org.pygpt.kernels.AdamStep;
import org.pygpt.tensor.Flat;

/** Passes over flat arrays, in blocks that are the units of work. */
final class FlatTasks {
  private FlatTasks() {}

  /** Number of blocks in so many elements. */
  static int blocks(long length) {
    return Math.toIntExact((length + Staging.BLOCK - 1) / Staging.BLOCK);
  }

  /** Mutable: AdamW. */
  static final class Adam implements Team.Task {
    private final Staging[] stagings;
    AdamStep step;
    Flat weights;
    Flat gradients;
    Flat m;
    Flat v;

    Adam(Staging[] stagings) {
      this.stagings = stagings;
    }

    @Override
    public void run(int worker, int firstBlock, int lastBlock) {
      Staging staging = stagings[worker];
      for (int block = firstBlock; block < lastBlock; block++) {
        long start = (long) block * Staging.BLOCK;
        int count = (int) Math.min(Staging.BLOCK, weights.length() - start);
        float[] w = staging.read(0, weights, start, count);
        float[] g = staging.read(1, gradients, start, count);
        float[] first = staging.read(2, m, start, count);
        float[] second = staging.read(3, v, start, count);
        ElementMath.adamW(step, w, g, first, second, count);
        Staging.write(w, weights, start, count);
        Staging.write(first, m, start, count);
        Staging.write(second, v, start, count);
      }
    }
  }

  /** Mutable: the sum of squares, block by block, so that threads do not change its bits. */
  static final class Squares implements Team.Task {
    private final Staging[] stagings;
    private double[] sums = new double[0];
    private Flat x;

    Squares(Staging[] stagings) {
      this.stagings = stagings;
    }

    double sum(Team team, Flat x) {
      this.x = x;
      int blocks = blocks(x.length());
      if (sums.length < blocks) {
        sums = new double[blocks];
      }
      team.run(this, blocks, CpuKernels.BLOCKS_AT_ONCE);
      double sum = 0;
      for (int block = 0; block < blocks; block++) {
        sum += sums[block];
      }
      return sum;
    }

    @Override
    public void run(int worker, int firstBlock, int lastBlock) {
      boolean vectors = Simd.ready();
      for (int block = firstBlock; block < lastBlock; block++) {
        long start = (long) block * Staging.BLOCK;
        int count = (int) Math.min(Staging.BLOCK, x.length() - start);
        Staging staging = stagings[worker];
        float[] values = staging.read(0, x, start, count);
        sums[block] = NormMath.sumOfSquares(vectors, values, 0, count, 0, staging.lanes());
      }
    }
  }
}
