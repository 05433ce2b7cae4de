package org.pygpt.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** The likeliest of all tokens. */
final class TopTokens {
  private TopTokens() {}

  /** The tokens of the {@code k} largest scores, largest first, the lowest ids among equals. */
  static int[] of(double[] scores, int k) {
    if (k == 0) {
      return new int[0];
    }
    double bound = bound(scores, k, new double[k]);
    return IntStream.range(0, scores.length)
        .filter(i -> scores[i] >= bound)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -scores[i]))
        .limit(k)
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * A bound that spares sorting the whole vocabulary; none of the {@code k} likeliest is below it.
   * If the tokens are divided into k groups, the groups' maxima are all at least as large as the
   * least of them, and so are the k likeliest tokens.
   *
   * @param groupMaxima scratch memory, of k numbers or more
   */
  static double bound(double[] scores, int k, double[] groupMaxima) {
    Arrays.fill(groupMaxima, 0, k, Double.NEGATIVE_INFINITY);
    for (int i = 0, group = 0; i < scores.length; i++, group = group + 1 == k ? 0 : group + 1) {
      groupMaxima[group] = Math.max(groupMaxima[group], scores[i]);
    }
    double least = Double.POSITIVE_INFINITY;
    for (int group = 0; group < k; group++) {
      least = Math.min(least, groupMaxima[group]);
    }
    return least;
  }
}
