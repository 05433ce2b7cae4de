package org.pygpt.kernels.cpu;

import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.Residual;
import org.pygpt.tensor.Tensor;

/** Residual sums and norms. */
final class NormTasks {
  private NormTasks() {}

  /** Mutable: sum = x + branch + bias, out = norm(sum); either half may be missing. */
  static final class Forward extends RowTask {
    Tensor x;
    Residual residual;
    Norm norm;
    Tensor out;
    Tensor statistics;

    Forward(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void prepare(Staging staging, int worker) {
      int C = x.columns();
      if (residual != null) {
        staging.readVector(2, residual.bias(), C, 0);
      }
      if (norm != null) {
        staging.readVector(3, norm.weight(), C, 1);
        staging.readVector(4, norm.bias(), C, 0);
      }
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int C = x.columns();
      float[] stream = staging.read(0, x, row, count);
      if (residual != null) {
        float[] branch = staging.read(1, residual.branch(), row, count);
        ElementMath.add(vectors, branch, 0, stream, 0, count * C);
        for (int r = 0; residual.bias() != null && r < count; r++) {
          ElementMath.add(vectors, staging.array(2, C), 0, stream, r * C, C);
        }
        Staging.write(stream, residual.sum(), row, count);
      }
      if (norm != null) {
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
        float mean = norm.spec().centred() ? NormMath.sum(vectors, stream, r * C, C, lanes) / C : 0;
        float squares = NormMath.sumOfSquares(vectors, stream, r * C, C, mean, lanes);
        float rstd = (float) (1 / Math.sqrt(squares / C + norm.spec().epsilon()));
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
    Norm norm;
    Tensor dOut;
    Tensor x;
    Tensor statistics;
    Gradient dX;

    Backward(Team team, Staging[] stagings) {
      super(team, stagings, 2);
    }

    @Override
    void prepare(Staging staging, int worker) {
      int C = x.columns();
      staging.readVector(3, norm.weight(), C, 1);
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
            norm.spec().centred(),
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
      if (dX.add()) {
        float[] before = staging.read(4, dX.tensor(), row, count);
        ElementMath.add(vectors, before, 0, gradient, 0, count * C);
      }
      Staging.write(gradient, dX.tensor(), row, count);
    }
  }
}
