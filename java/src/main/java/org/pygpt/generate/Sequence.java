package org.pygpt.generate;

import java.util.Arrays;

/**
 * Mutable: what was added to one prompt. One thread adds to it; others may read meanwhile, and see
 * whole tokens.
 */
final class Sequence {
  private static final int FIRST_CAPACITY = 16;

  private final int[] prompt;
  private final int limit;
  private final int topCount;
  private int[] tokens = new int[FIRST_CAPACITY];
  private double[] logProbabilities = new double[FIRST_CAPACITY];
  private int[] topTokens;
  private double[] topLogProbabilities;
  private volatile int length; // set after what it counts is written
  private boolean ended;

  /**
   * Nothing yet.
   *
   * @param limit most tokens to add
   * @param topCount how many of the likeliest tokens are written down for each
   */
  Sequence(int[] prompt, int limit, int topCount) {
    this.prompt = prompt;
    this.limit = limit;
    this.topCount = topCount;
    topTokens = new int[FIRST_CAPACITY * topCount];
    topLogProbabilities = new double[FIRST_CAPACITY * topCount];
  }

  int[] prompt() {
    return prompt;
  }

  /** Tokens added so far. */
  int length() {
    return length;
  }

  /** The token that comes last, which the model has not read. */
  int last() {
    return tokens[length - 1];
  }

  /** Positions that the model has read once {@link #last} is all that it has not. */
  int past() {
    return prompt.length + length - 1;
  }

  boolean ended() {
    return ended;
  }

  /** Adds the token that was chosen last; {@code ends} says whether it is a stop token. */
  void add(int token, TokenSampler choice, boolean ends) {
    if (length == tokens.length) {
      grow(2 * length);
    }
    tokens[length] = token;
    logProbabilities[length] = choice.logProbability();
    System.arraycopy(choice.topTokens(), 0, topTokens, length * topCount, topCount);
    System.arraycopy(
        choice.topLogProbabilities(), 0, topLogProbabilities, length * topCount, topCount);
    length++;
    ended = ends || length == limit;
  }

  private void grow(int capacity) {
    tokens = Arrays.copyOf(tokens, capacity);
    logProbabilities = Arrays.copyOf(logProbabilities, capacity);
    topTokens = Arrays.copyOf(topTokens, Math.multiplyExact(capacity, topCount));
    topLogProbabilities = Arrays.copyOf(topLogProbabilities, topTokens.length);
  }

  /** Ends it after its first {@code count} tokens; those after them are forgotten. */
  void end(int count) {
    length = count;
    ended = true;
  }

  int[] tokens(int from) {
    int end = length; // before the array, which may be replaced by a longer one
    return Arrays.copyOfRange(tokens, from, end);
  }

  double[] logProbabilities() {
    int end = length;
    return Arrays.copyOf(logProbabilities, end);
  }

  int[] topTokens() {
    int end = length;
    return Arrays.copyOf(topTokens, end * topCount);
  }

  double[] topLogProbabilities() {
    int end = length;
    return Arrays.copyOf(topLogProbabilities, end * topCount);
  }
}
