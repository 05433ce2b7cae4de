package org.pygpt.graph;

/**
 * How much of the planned tape one step uses.
 *
 * @param B sequences
 * @param T positions of each
 * @param past positions already in the key/value cache
 */
public record Step(int B, int T, int past) {
  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
