package org.pygpt.kernels;

/**
 * Which positions the rows of a step have: row b * T + t is position past + t of sequence b.
 *
 * @param B sequences
 * @param T positions of each
 * @param past positions before t = 0, already in the key/value cache
 */
public record Positions(int B, int T, int past) {
  /** Whole sequences: {@code last}, which may be null, where it is of as many. */
  public static Positions like(Positions last, int B, int T) {
    boolean isLast = last != null && B == last.B && T == last.T && last.past == 0;
    return isLast ? last : new Positions(B, T, 0);
  }

  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
