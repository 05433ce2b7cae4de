package org.pygpt.kernels;

/**
 * Which queries attend to which keys.
 *
 * <p>Sequence b owns rows b * queries to (b + 1) * queries - 1 of queries and outputs, and rows b *
 * keys to (b + 1) * keys - 1 of keys and values. Head h owns columns h * D to (h + 1) * D - 1 of
 * queries and outputs; with fewer heads in keys and values, each serves H / kvHeads neighbouring
 * ones.
 *
 * @param B sequences
 * @param queries of each sequence
 * @param keys of each sequence; at least {@code queries} if causal
 * @param H heads of queries
 * @param kvHeads heads of keys and values; divides H
 * @param causal whether query t attends to keys 0 to keys - queries + t alone, so that the last
 *     query sees all keys; else every query attends to every key
 * @param scores what becomes of the products of queries and keys; a window needs {@code causal}
 * @param lengths how many keys of each sequence are attended to, from the first on, at least 1; the
 *     others are padding. Null for all, as it is if causal; shared
 */
public record AttentionSpec(
    int B,
    int queries,
    int keys,
    int H,
    int kvHeads,
    boolean causal,
    ScoreSpec scores,
    int[] lengths) {
  /** Attention to every key, or to those that a causal query sees. */
  public AttentionSpec(
      int B, int queries, int keys, int H, int kvHeads, boolean causal, ScoreSpec scores) {
    this(B, queries, keys, H, kvHeads, causal, scores, null);
  }

  /** Attention whose scores are only scaled by 1 / sqrt(D). */
  public AttentionSpec(int B, int queries, int keys, int H, int kvHeads, boolean causal) {
    this(B, queries, keys, H, kvHeads, causal, ScoreSpec.PLAIN);
  }

  /** Causal self-attention of B sequences of T positions. */
  public static AttentionSpec causal(int B, int T, int H, int kvHeads) {
    return new AttentionSpec(B, T, T, H, kvHeads, true);
  }

  /** Keys that query t of sequence b attends to: those before this index. */
  public int visible(int b, int t) {
    if (causal) {
      return keys - queries + t + 1;
    }
    return lengths == null ? keys : lengths[b];
  }

  /** The first key that query t of any sequence attends to. */
  public int first(int t) {
    return scores.window() == 0 ? 0 : Math.max(0, visible(0, t) - scores.window());
  }

  /** What is added to the score of query t and key s of head h. */
  public double bias(int h, int t, int s) {
    return -scores.slope(h, H) * Math.abs(keys - queries + t - s);
  }
}
