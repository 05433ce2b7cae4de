package org.pygpt.graph;

/**
 * How much of the planned tape one step uses, and how.
 *
 * @param B sequences
 * @param T positions of each
 * @param past positions already in the key/value cache
 * @param accumulate whether backward adds to the parameters' gradients rather than overwrites them
 * @param dropoutKey decides what dropout drops
 */
public record Step(int B, int T, int past, boolean accumulate, long dropoutKey) {
  /** A step that only runs forward. */
  public static Step forward(int B, int T, int past) {
    return new Step(B, T, past, false, 0);
  }

  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
