package org.pygpt.kernels;

/**
 * Mutable (the key): which elements of one tensor dropout keeps.
 *
 * <p>The choice is a hash of the key and the element's number, so that backward finds the same one
 * without a stored mask, and any thread may do any part; see {@link CounterHash}.
 */
public final class DropoutMask {
  private final double probability;
  private final int threshold;
  private int key;

  /**
   * A mask that drops with this probability.
   *
   * @param probability in (0, 1)
   */
  public DropoutMask(double probability) {
    this.probability = probability;
    this.threshold = (int) Math.round(probability * (1L << 31));
  }

  /** Draws anew: elements are kept by this key from now on. */
  public void setKey(long key) {
    this.key = CounterHash.key(key);
  }

  /** What a kept element is multiplied by: 1 / (1 - p). */
  public float scale() {
    return (float) (1 / (1 - probability));
  }

  /** The hashed key of what is kept now, for kernels that compute {@link #factor} themselves. */
  public int key() {
    return key;
  }

  /** A hash whose upper 31 bits are below this drops its element. */
  public int threshold() {
    return threshold;
  }

  /** {@link #scale} if the element is kept, else 0. */
  public float factor(long element) {
    return CounterHash.word(key, element) >>> 1 >= threshold ? scale() : 0;
  }
}
