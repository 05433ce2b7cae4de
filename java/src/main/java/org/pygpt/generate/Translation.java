package org.pygpt.generate;

/**
 * What was made of a source. Its array is shared.
 *
 * @param tokens of the target, without what begins and ends it
 * @param ended whether the model ended it, rather than the limit of its length
 * @param logProbability natural logarithm of the probability of all of it, its end too
 */
public record Translation(int[] tokens, boolean ended, double logProbability) {
  /** Number of tokens that were chosen, the end too. */
  int length() {
    return tokens.length + (ended ? 1 : 0);
  }

  /** The logarithm over a power of the length, so that long ones are not at a disadvantage. */
  double score(double lengthPenalty) {
    return logProbability / Math.pow(length(), lengthPenalty);
  }
}
