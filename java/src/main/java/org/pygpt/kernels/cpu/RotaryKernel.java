package org.pygpt.kernels.cpu;

import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.Tensor;

/** Rotary positions, in place; backward turns the other way. */
record RotaryKernel(Rotation rotation, Positions positions, Tensor x) implements RowKernel {
  @Override
  public void block(boolean vectors, Staging staging, int row, int count) {
    Tensor angles = rotation.angles();
    int D = rotation.D();
    int width = rotation.heads() * D;
    float[] values = staging.read(0, x, 0, width, row, count);
    for (int r = 0; r < count; r++) {
      int position = positions.past() + (row + r) % positions.T();
      float[] turn = staging.read(1, angles, position, 1);
      for (int h = 0; h < rotation.heads(); h++) {
        rotate(values, r * width + h * D, turn, angles.columns() / 2);
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
