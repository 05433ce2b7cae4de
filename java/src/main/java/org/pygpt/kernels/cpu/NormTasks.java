package org.pygpt.kernels.cpu;

import org.pygpt.kernels.NormSpec;
import org.pygpt.tensor.Tensor;

/** Residual sums and norms. */
final class NormTasks {
  private NormTasks() {}

  /** Mutable: sum = x + branch + bias, out = norm(sum); either half may be missing. */
  static final class Forward extends RowTask {
    NormSpec spec;
    Tensor x;
    Tensor branch;
    Tensor branchBias;
    Tensor sum;
    Tensor weight;
    Tensor bias;
    Tensor out;
    Tensor statistics;

    Forward(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void prepare(Staging staging, int worker) {
      int C = x.columns();
      staging.readVector(2, branchBias, C, 0);
      staging.readVector(3, weight, C, 1);
      staging.readVector(4, bias, C, 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int C = x.columns();
      float[] stream = staging.read(0, x, row, count);
      if (branch != null) {
        ElementMath.add(vectors, staging.read(1, branch, row, count), 0, stream, 0, count * C);
        for (int r = 0; branchBias != null && r < count; r++) {
          ElementMath.add(vectors, staging.array(2, C), 0, stream, r * C, C);
        }
        Staging.write(stream, sum, row, count);
      }
      if (out != null) {
        normalize(vectors, staging, stream, row, count);
      }
    }

    private void normalize(boolean vectors, Staging staging, float[] stream, int row, int count) {
      int C = x.columns();
      float[] w = staging.array(3, C);
      float[] b = staging.array(4, C);
      float[] kept = staging.array(5, 2 * count);
      float[] lanes = staging.lanes();
      for (int r = 0; r < count; r++) {
        float mean = spec.centred() ? NormMath.sum(vectors, stream, r * C, C, lanes) / C : 0;
        float squares = NormMath.sumOfSquares(vectors, stream, r * C, C, mean, lanes);
        float rstd = (float) (1 / Math.sqrt(squares / C + spec.epsilon()));
        NormMath.normalize(vectors, stream, r * C, C, mean, rstd, w, b);
        kept[2 * r] = mean;
        kept[2 * r + 1] = rstd;
      }
      Staging.write(stream, out, row, count);
      Staging.write(kept, statistics, row, count);
    }
  }

  /** Mutable: gradient of the norm. */
  static final class Backward extends RowTask {
    NormSpec spec;
    Tensor dOut;
    Tensor x;
    Tensor statistics;
    Tensor weight;
    boolean add;
    Tensor dX;

    Backward(Team team, Staging[] stagings) {
      super(team, stagings, 2);
    }

    @Override
    void prepare(Staging staging, int worker) {
      int C = x.columns();
      staging.readVector(3, weight, C, 1);
      beginSum(0, worker, C);
      beginSum(1, worker, C);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int C = x.columns();
      float[] gradient = staging.read(0, dOut, row, count);
      float[] input = staging.read(1, x, row, count);
      float[] kept = staging.read(2, statistics, row, count);
      float[] w = staging.array(3, C);
      float[] weightSums = sum(0, worker);
      float[] biasSums = sum(1, worker);
      for (int r = 0; r < count; r++) {
        float mean = kept[2 * r];
        float rstd = kept[2 * r + 1];
        NormMath.backward(
            vectors,
            spec.centred(),
            gradient,
            input,
            r * C,
            C,
            mean,
            rstd,
            w,
            weightSums,
            biasSums,
            staging.lanes());
      }
      if (add) {
        float[] before = staging.read(4, dX, row, count);
        ElementMath.add(vectors, before, 0, gradient, 0, count * C);
      }
      Staging.write(gradient, dX, row, count);
    }
  }
}
