package org.pygpt.graph;

import java.util.List;

/**
 * How much of the planned tape one step uses, and how.
 *
 * @param B sequences
 * @param T positions of each
 * @param pasts what each sequence has behind it; empty on a tape without caches
 * @param accumulate whether backward adds to the parameters' gradients rather than overwrites them
 * @param dropoutKey decides what dropout drops
 */
public record Step(int B, int T, List<Past> pasts, boolean accumulate, long dropoutKey) {
  /**
   * What a sequence has behind it.
   *
   * @param cache number of the cache that holds its keys and values, and takes the new ones
   * @param length positions that are in it
   */
  public record Past(int cache, int length) {}

  /** A step that only runs forward, on whole sequences. */
  public static Step forward(int B, int T) {
    return new Step(B, T, List.of(), false, 0);
  }

  /** The next T positions of sequences that are in caches. */
  public static Step forward(int T, List<Past> pasts) {
    return new Step(pasts.size(), T, pasts, false, 0);
  }

  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
