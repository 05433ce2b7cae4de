package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * How heads are rotated by their positions.
 *
 * @param heads heads that lie side by side in the rows
 * @param angles (block_size, D): cosines, then sines, of each position
 * @param inverse whether to turn back, as backward does
 */
public record Rotation(int heads, Tensor angles, boolean inverse) {}
