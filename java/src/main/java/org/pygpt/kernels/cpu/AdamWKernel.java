package org.pygpt.kernels.cpu;

import org.pygpt.kernels.AdamStep;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;

/** The optimizer's passes over flat arrays, whose units of work are blocks. */
record AdamWKernel(Workers workers, AdamStep step, Flat weights, Flat gradients, Flat m, Flat v)
    implements Team.Task {
  private static int blocks(long length) {
    return Math.toIntExact((length + Staging.BLOCK - 1) / Staging.BLOCK);
  }

  /** Updates all weights and moments. */
  void run() {
    workers.run(this, blocks(weights.length()), 1, Workers.workOf(weights.length()));
  }

  @Override
  public void run(int worker, int firstBlock, int lastBlock) {
    Staging staging = workers.staging(worker);
    for (int block = firstBlock; block < lastBlock; block++) {
      long start = (long) block * Staging.BLOCK;
      int count = (int) Math.min(Staging.BLOCK, weights.length() - start);
      float[] w = staging.read(0, weights, start, count);
      float[] g = staging.read(1, gradients, start, count);
      float[] first = staging.read(2, m, start, count);
      float[] second = staging.read(3, v, start, count);
      update(step, w, g, first, second, count);
      Staging.write(w, weights, start, count);
      if (m.dtype() == DType.BFLOAT16) {
        Staging.write(step, first, m, second, v, start, count);
      } else {
        Staging.write(first, m, start, count);
        Staging.write(second, v, start, count);
      }
    }
  }

  /**
   * One AdamW update of n weights; see {@link org.pygpt.kernels.Kernels#adamW}. C2 makes vectors of
   * loops that write one array each.
   */
  private static void update(AdamStep step, float[] w, float[] g, float[] m, float[] v, int n) {
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    float rest1 = (float) (1 - step.beta1());
    float rest2 = (float) (1 - step.beta2());
    float scale = (float) step.gradientScale();
    float rate = (float) (step.learningRate() * step.correction1());
    float correction2 = (float) step.correction2();
    float epsilon = (float) step.epsilon();
    float kept = (float) (1 - step.learningRate() * step.decay());
    for (int i = 0; i < n; i++) {
      m[i] = m[i] * beta1 + g[i] * scale * rest1;
    }
    for (int i = 0; i < n; i++) {
      float gradient = g[i] * scale;
      v[i] = v[i] * beta2 + gradient * gradient * rest2;
    }
    for (int i = 0; i < n; i++) {
      float root = (float) Math.sqrt(v[i] * correction2) + epsilon;
      w[i] = w[i] * kept - m[i] * rate / root;
    }
  }

  /** The sum of squares, by blocks, so that the number of threads does not change its bits. */
  record SumOfSquares(Workers workers, Flat x, double[] sums) implements Team.Task {
    static double of(Workers workers, Flat x) {
      double[] sums = new double[blocks(x.length())];
      SumOfSquares task = new SumOfSquares(workers, x, sums);
      workers.run(task, sums.length, 1, Workers.workOf(x.length()));
      double sum = 0;
      for (double block : sums) {
        sum += block;
      }
      return sum;
    }

    @Override
    public void run(int worker, int firstBlock, int lastBlock) {
      boolean vectors = workers.vectors();
      Staging staging = workers.staging(worker);
      for (int block = firstBlock; block < lastBlock; block++) {
        long start = (long) block * Staging.BLOCK;
        int count = (int) Math.min(Staging.BLOCK, x.length() - start);
        float[] values = staging.read(0, x, start, count);
        sums[block] = VectorMath.sumOfSquares(vectors, values, 0, count, 0, staging.lanes());
      }
    }
  }
}
