package org.pygpt.kernels.cpu;

import org.pygpt.kernels.Activation;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.Tensor;

/** Kernels that treat every element alike. */
final class ElementTasks {
  private ElementTasks() {}

  /** Mutable: x += bias, row by row. */
  static final class Bias extends RowTask {
    Tensor bias;
    Tensor x;

    Bias(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void prepare(Staging staging, int worker) {
      staging.readVector(1, bias, x.columns(), 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      for (int r = 0; r < count; r++) {
        ElementMath.add(vectors, staging.array(1, n), 0, values, r * n, n);
      }
      Staging.write(values, x, row, count);
    }
  }

  /** Mutable: the sum of all rows. */
  static final class ColumnSums extends RowTask {
    Tensor dX;

    ColumnSums(Team team, Staging[] stagings) {
      super(team, stagings, 1);
    }

    @Override
    void prepare(Staging staging, int worker) {
      beginSum(0, worker, dX.columns());
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int n = dX.columns();
      float[] gradient = staging.read(0, dX, row, count);
      for (int r = 0; r < count; r++) {
        ElementMath.add(vectors, gradient, r * n, sum(0, worker), 0, n);
      }
    }
  }

  /** Mutable: out = activation(x + bias). */
  static final class Activate extends RowTask {
    Activation kind;
    Tensor x;
    Tensor bias;
    Tensor out;

    Activate(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void prepare(Staging staging, int worker) {
      staging.readVector(2, bias, x.columns(), 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int F = out.columns();
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      if (bias != null) {
        for (int r = 0; r < count; r++) {
          ElementMath.add(vectors, staging.array(2, n), 0, values, r * n, n);
        }
      }
      if (kind != Activation.SWIGLU) {
        ActivationMath.forward(vectors, kind, values, staging.array(3, count * F), count * F);
        Staging.write(values, out, row, count);
        return;
      }
      float[] gated = staging.array(1, count * F);
      for (int r = 0; r < count; r++) {
        ActivationMath.gated(vectors, values, r * n, gated, r * F, staging.array(3, F), F);
      }
      Staging.write(gated, out, row, count);
    }
  }

  /** Mutable: gradient of the activation, and of its bias. */
  static final class ActivateBackward extends RowTask {
    Activation kind;
    Tensor x;
    Tensor bias;
    Tensor dOut;
    Tensor dX;
    boolean sumBias;

    ActivateBackward(Team team, Staging[] stagings) {
      super(team, stagings, 1);
    }

    @Override
    void prepare(Staging staging, int worker) {
      staging.readVector(2, bias, x.columns(), 0);
      if (sumBias) {
        beginSum(0, worker, x.columns());
      }
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      float[] gradient = staging.read(1, dOut, row, count);
      for (int r = 0; bias != null && r < count; r++) {
        ElementMath.add(vectors, staging.array(2, n), 0, values, r * n, n);
      }
      if (kind == Activation.SWIGLU) {
        for (int r = 0; r < count; r++) {
          int F = dOut.columns();
          ActivationMath.gatedBackward(
              vectors, values, r * n, gradient, r * F, staging.array(3, F), F);
        }
        gradient = values;
      } else {
        ActivationMath.backward(
            vectors, kind, values, gradient, staging.array(3, count * n), count * n);
      }
      for (int r = 0; sumBias && r < count; r++) {
        ElementMath.add(vectors, gradient, r * n, sum(0, worker), 0, n);
      }
      Staging.write(gradient, dX, row, count);
    }
  }

  /** Mutable: rotary positions, in place. */
  static final class Rotate extends RowTask {
    Rotation rotation;
    Positions positions;
    Tensor x;

    Rotate(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      Tensor angles = rotation.angles();
      int D = angles.columns();
      int width = rotation.heads() * D;
      float[] values = staging.read(0, x, 0, width, row, count);
      for (int r = 0; r < count; r++) {
        float[] turn = staging.read(1, angles, positions.past() + (row + r) % positions.T(), 1);
        for (int h = 0; h < rotation.heads(); h++) {
          rotate(values, r * width + h * D, turn, D / 2);
        }
      }
      Staging.write(values, x, 0, width, row, count);
    }

    private void rotate(float[] values, int at, float[] turn, int half) {
      float sign = rotation.inverse() ? -1 : 1;
      for (int d = 0; d < half; d++) {
        float cosine = turn[d];
        float sine = sign * turn[half + d];
        float first = values[at + d];
        float second = values[at + half + d];
        values[at + d] = first * cosine - second * sine;
        values[at + half + d] = second * cosine + first * sine;
      }
    }
  }

  /** Mutable: out = (x + bias) * the mask. */
  static final class Drop extends RowTask {
    Tensor x;
    Tensor bias;
    DropoutMask mask;
    Tensor out;

    Drop(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void prepare(Staging staging, int worker) {
      staging.readVector(1, bias, x.columns(), 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      for (int r = 0; r < count; r++) {
        if (bias != null) {
          ElementMath.add(vectors, staging.array(1, n), 0, values, r * n, n);
        }
        long first = (long) (row + r) * n;
        for (int i = 0; i < n; i++) {
          values[r * n + i] *= mask.factor(first + i);
        }
      }
      Staging.write(values, out, row, count);
    }
  }
}
