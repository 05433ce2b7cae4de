package org.pygpt.kernels;

/**
 * Which positions the rows of a step have: row b * T + t is position past + t of sequence b.
 *
 * @param B sequences
 * @param T positions of each
 * @param past positions before t = 0, already in the key/value cache
 */
public record Positions(int B, int T, int past) {
  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
