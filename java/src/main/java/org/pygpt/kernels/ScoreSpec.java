package org.pygpt.kernels;

/**
 * What attention makes of the products of queries and keys before the softmax; {@link #PLAIN} is
 * what most models have.
 *
 * @param scale what products are multiplied by; 0 for 1 / sqrt(D)
 * @param cap scores become cap * tanh(score / cap); 0 for no cap
 * @param window a query attends to this many keys, its own the last of them; 0 for all
 * @param alibi a score falls by slope * distance, with a slope for each head, 2^(-alibi * i / n) of
 *     the i-th of n heads; 0 for none
 * @see <a href="https://arxiv.org/abs/2108.12409">Press et al. 2021, ALiBi</a>
 */
public record ScoreSpec(double scale, double cap, int window, double alibi) {
  /** Products over sqrt(D), and nothing else. */
  public static final ScoreSpec PLAIN = new ScoreSpec(0, 0, 0, 0);

  /** Whether scores are not only scaled and masked. */
  public boolean isShaped() {
    return cap > 0 || alibi > 0;
  }

  /** What products are multiplied by. */
  public double scale(int D) {
    return scale == 0 ? 1 / Math.sqrt(D) : scale;
  }

  /** How much the score of head h, of H, falls for each position of distance. */
  public double slope(int h, int H) {
    if (alibi == 0) {
      return 0;
    }
    int n = Integer.highestOneBit(H);
    int index = h + 1;
    if (n < H) { // every other one of twice as many slopes, then those between them
      n *= 2;
      index = 2 * h + 2 <= n ? 2 * h + 2 : 2 * (h - n / 2) + 1;
    }
    return Math.pow(2, -alibi * index / n);
  }
}
