package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.Tensor;

/** Rotary positions; see docs/maths/rotary.md. */
final class Rotations {
  private Rotations() {}

  /**
   * (first, second) = (first * cos - second * sin, second * cos + first * sin), each head's halves.
   */
  static void rotate(Rotation rotation, Positions positions, Tensor x) {
    Tensor angles = rotation.angles();
    int D = angles.columns();
    for (int row = 0; row < positions.rows(); row++) {
      int position = positions.past() + row % positions.T();
      for (int h = 0; h < rotation.heads(); h++) {
        for (int d = 0; d < D / 2; d++) {
          double cosine = get(angles, position, d);
          double sine = get(angles, position, D / 2 + d) * (rotation.inverse() ? -1 : 1);
          double first = get(x, row, h * D + d);
          double second = get(x, row, h * D + D / 2 + d);
          set(x, row, h * D + d, first * cosine - second * sine);
          set(x, row, h * D + D / 2 + d, second * cosine + first * sine);
        }
      }
    }
  }
}
