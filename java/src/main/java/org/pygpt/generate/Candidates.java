package org.pygpt.generate;

import java.util.Arrays;

/** Mutable (its scratch memory): leaves the tokens that top-k, top-p and min-p leave. */
final class Candidates {
  private final double[] sorted;

  /** For {@code V} tokens. */
  Candidates(int V) {
    sorted = new double[V];
  }

  /**
   * Sets the weight of every token that the options leave out to 0.
   *
   * @param weights the largest is 1
   * @param sum theirs
   * @return the sum of those that are left
   */
  double keep(double[] weights, double sum, SamplingOptions options) {
    double smallest = smallest(weights, sum, options);
    int count = 0;
    for (double weight : weights) {
      if (weight >= smallest) {
        sorted[count++] = weight;
      }
    }
    Arrays.sort(sorted, 0, count);
    int kept = options.topK() == 0 ? count : Math.min(options.topK(), count);
    if (options.topP() < 1) {
      kept = nucleus(count, kept, sum, options);
    }
    while (sorted[count - kept] < options.minP()) { // the largest is 1
      kept--;
    }
    double least = sorted[count - kept];
    int equals = 0; // of the kept ones; the lowest ids among equals stay
    for (int i = count - kept; i < count && sorted[i] == least; i++) {
      equals++;
    }
    double left = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] < least || weights[i] == least && equals-- <= 0) {
        weights[i] = 0;
      }
      left += weights[i];
    }
    return left;
  }

  /**
   * A bound that spares sorting the whole vocabulary; no token below it is left. Top-p: the tokens
   * below (1 - p) / V of the sum have less than 1 - p together, so that the others have p without
   * them.
   */
  private double smallest(double[] weights, double sum, SamplingOptions options) {
    if (options.topK() > 0) {
      return TopTokens.bound(weights, Math.min(options.topK(), weights.length), sorted);
    }
    return Math.max(options.minP(), (1 - options.topP()) * sum / weights.length);
  }

  /**
   * How many of the {@code kept} likeliest tokens have top-p's share of what they have together.
   */
  private int nucleus(int count, int kept, double sum, SamplingOptions options) {
    double mass = options.topK() == 0 ? sum : 0;
    for (int rank = 0; options.topK() > 0 && rank < kept; rank++) {
      mass += sorted[count - 1 - rank];
    }
    double cumulative = 0;
    int size = 0;
    while (size < kept && cumulative < options.topP() * mass) {
      cumulative += sorted[count - 1 - size++];
    }
    return size;
  }
}
