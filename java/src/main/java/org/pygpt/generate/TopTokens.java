package org.pygpt.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Mutable (its scratch memory): the likeliest of all tokens. */
final class TopTokens {
  private final double[] groupMaxima;

  /** For so many tokens. */
  TopTokens(int count) {
    groupMaxima = new double[count];
  }

  /** The tokens of the largest scores, largest first, the lowest ids first among equals. */
  int[] of(double[] scores) {
    if (groupMaxima.length == 0) {
      return new int[0];
    }
    double bound = bound(scores);
    return IntStream.range(0, scores.length)
        .filter(i -> scores[i] >= bound)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -scores[i]))
        .limit(groupMaxima.length)
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * A bound that spares sorting the whole vocabulary; none of the likeliest is below it. If the
   * tokens are divided into as many groups as are looked for, the groups' maxima are all at least
   * as large as the least of them, and so are the likeliest tokens.
   */
  double bound(double[] scores) {
    int k = groupMaxima.length;
    Arrays.fill(groupMaxima, Double.NEGATIVE_INFINITY);
    for (int i = 0, group = 0; i < scores.length; i++, group = group + 1 == k ? 0 : group + 1) {
      groupMaxima[group] = Math.max(groupMaxima[group], scores[i]);
    }
    double least = Double.POSITIVE_INFINITY;
    for (double max : groupMaxima) {
      least = Math.min(least, max);
    }
    return least;
  }
}
