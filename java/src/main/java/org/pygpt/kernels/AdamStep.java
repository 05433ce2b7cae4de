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
 * @param key of this update: what {@link #randomBits} are drawn by
 * @param first number of the first weight among all, which counts on where workers divide them
 */
public record AdamStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double decay,
    double correction1,
    double correction2,
    double gradientScale,
    int key,
    long first) {
  /** An update of moments that are as wide as the weights, which takes no random numbers. */
  public AdamStep(
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      double decay,
      double correction1,
      double correction2,
      double gradientScale) {
    this(learningRate, beta1, beta2, epsilon, decay, correction1, correction2, gradientScale, 0, 0);
  }

  /**
   * What decides how the moments of a weight are rounded to bfloat16 (see {@link
   * org.pygpt.tensor.DType#toBfloat16(float, int)}): the lower 16 bits the first moment, the upper
   * ones the second. They depend on the update and the weight's number alone.
   *
   * @param index of the weight, in this call
   */
  public int randomBits(long index) {
    return CounterHash.word(key, first + index);
  }

  /** The {@link #randomBits} of {@code count} weights from {@code from} on. */
  public void randomBits(long from, int[] bits, int count) {
    CounterHash.words(key, first + from, bits, count);
  }
}
