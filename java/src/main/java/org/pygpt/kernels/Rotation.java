package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * How heads are rotated by their positions.
 *
 * @param heads heads that lie side by side in the rows
 * @param D columns of a head
 * @param angles (block_size, R): cosines, then sines, of each position; the first R columns of a
 *     head are rotated
 * @param inverse whether to turn back, as backward does
 */
public record Rotation(int heads, int D, Tensor angles, boolean inverse) {
  /** A rotation of whole heads. */
  public Rotation(int heads, Tensor angles, boolean inverse) {
    this(heads, angles.columns(), angles, inverse);
  }
}
