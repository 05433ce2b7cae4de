package org.pygpt.kernels;

/**
 * Which norm.
 *
 * @param centred whether the mean is subtracted: layer norm, else RMSNorm
 * @param epsilon added to the variance, or the mean square
 */
public record NormSpec(boolean centred, double epsilon) {}
