package org.pygpt.kernels;

/**
 * Numbers of one AdamW update.
 *
 * @param learningRate of this update
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param decay weight decay, times the learning rate
 * @param correction1 1 / (1 - beta1^step), which makes the first moment unbiased
 * @param correction2 1 / (1 - beta2^step), likewise for the second
 * @param gradientScale what gradients are multiplied by first: clipping, and the mean over
 *     accumulated batches
 */
public record AdamStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double decay,
    double correction1,
    double correction2,
    double gradientScale) {}
