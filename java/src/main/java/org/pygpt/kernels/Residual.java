package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * A residual sum: sum = x + branch + bias.
 *
 * @param x (rows, C), the residual stream
 * @param branch (rows, C), what is added to it
 * @param bias one row, of the linear layer that made the branch; null for none
 * @param sum (rows, C), overwritten; may be x or branch
 */
public record Residual(Tensor x, Tensor branch, Tensor bias, Tensor sum) {}
