package org.pygpt.graph;

import java.util.List;
import org.pygpt.tensor.Tensor;

/**
 * How much of the planned tape one step uses, and how.
 *
 * @param B sequences
 * @param T positions of each
 * @param pasts what each sequence has behind it; empty on a tape without caches
 * @param logits whether a tape that computes only the last logits of each sequence computes them
 * @param accumulate whether backward adds to the parameters' gradients rather than overwrites them
 * @param dropoutKey decides what dropout drops
 * @param share times which the gradient is taken: 1, or what a batch counts for among several
 * @param lengths how many of the T positions of each sequence are tokens, from the first on, at
 *     least 1; the others are padding. Null where there is none; shared
 * @param source the step of the sequences that those of this one are made from, on a tape with two
 *     stacks; null on others
 */
public record Step(
    int B,
    int T,
    List<? extends Past> pasts,
    boolean logits,
    boolean accumulate,
    long dropoutKey,
    double share,
    int[] lengths,
    Step source) {
  /** From so many positions on, what rounded weights are multiplied by may be rounded as well. */
  private static final int LONG = 128;

  /** A long prompt has no part of fewer positions. */
  public static final int PART = 64;

  /** Mutable: what a sequence has behind it. */
  public interface Past {
    /** Positions whose keys and values are there. */
    int length();

    /**
     * Keys of a layer, shared, (positions, kvHeads * D): of the past in the first {@link #length}
     * rows; a step writes those of its own positions after them.
     */
    Tensor keys(int layer);

    /** Values, likewise. */
    Tensor values(int layer);
  }

  /** Mutable: what a sequence has behind it, and keys and values of the one it is made from. */
  public interface SourcePast extends Past {
    /** Keys of a decoder's layer for the source, shared, (source positions, H * D). */
    Tensor sourceKeys(int layer);

    /** Values, likewise. */
    Tensor sourceValues(int layer);
  }

  /** A step without padding and without a source. */
  public Step(
      int B,
      int T,
      List<? extends Past> pasts,
      boolean logits,
      boolean accumulate,
      long dropoutKey,
      double share) {
    this(B, T, pasts, logits, accumulate, dropoutKey, share, null, null);
  }

  /** A step on whole sequences. */
  public Step(int B, int T, boolean accumulate, long dropoutKey) {
    this(B, T, accumulate, dropoutKey, 1);
  }

  /** A step on whole sequences, one of several that are accumulated. */
  public Step(int B, int T, boolean accumulate, long dropoutKey, double share) {
    this(B, T, List.of(), true, accumulate, dropoutKey, share);
  }

  /** A step that only runs forward, on whole sequences. */
  public static Step forward(int B, int T) {
    return new Step(B, T, false, 0);
  }

  /** The same step on sequences that are made from B others, of S positions, padded. */
  public Step from(int S, int[] lengths) {
    Step read = new Step(B, S, List.of(), logits, accumulate, dropoutKey, share, lengths, null);
    return new Step(B, T, pasts, logits, accumulate, dropoutKey, share, null, read);
  }

  /** The next T positions of sequences that have a past. */
  public static Step forward(int T, List<? extends Past> pasts) {
    return new Step(pasts.size(), T, pasts, true, false, 0, 1);
  }

  /** The next T positions of a sequence whose prompt goes on after them. */
  public static Step part(int T, Past past) {
    return new Step(1, T, List.of(past), false, false, 0, 1);
  }

  /**
   * Whether this reads a long text: {@value #LONG} positions of each sequence with those behind
   * them, and {@value #PART} or more at once. It depends on the sequence alone, also where a prompt
   * is read in parts.
   */
  public boolean isLong() {
    int past = pasts.isEmpty() ? 0 : pasts.getFirst().length();
    return lengths == null && T >= PART && past + T >= LONG;
  }

  /** Rows in use: B * T. */
  public int rows() {
    return B * T;
  }
}
