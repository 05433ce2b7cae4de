package org.pygpt.kernels;

/**
 * Numbers of one Adam update.
 *
 * @param rate learning rate of this update
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param correction1 1 / (1 - beta1^step), which makes the first moment unbiased
 * @param correction2 1 / (1 - beta2^step), likewise for the second
 */
public record AdamStep(
    double rate,
    double beta1,
    double beta2,
    double epsilon,
    double correction1,
    double correction2) {}
