package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * A norm and its parameters.
 *
 * @param spec which norm
 * @param weight one row, or null for a gain of 1
 * @param bias one row, or null for none
 */
public record Norm(NormSpec spec, Tensor weight, Tensor bias) {}
