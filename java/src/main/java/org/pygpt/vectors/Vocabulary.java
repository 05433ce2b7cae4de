package org.pygpt.vectors;

import java.util.Arrays;

/** Immutable: how often each word occurs, and what follows from that. */
final class Vocabulary {
  private final long[] kept;
  private final Noise noise;

  /** Counts of the words, each at least 1. */
  Vocabulary(long[] counts, WordVectorConfig config) {
    int words = counts.length;
    double total = Arrays.stream(counts).sum();
    double[] weights = new double[words];
    kept = new long[words];
    for (int word = 0; word < words; word++) {
      double share = keptShare(counts[word] / total, config.sample());
      kept[word] = Math.round(share * (1L << 32));
      weights[word] = Math.pow(counts[word], config.nsExponent());
    }
    noise = new Noise(weights);
  }

  /** Which share of its occurrences a word keeps that is this share of a text. */
  private static double keptShare(double share, double sample) {
    double ratio = sample / share;
    return sample == 0 ? 1 : Math.min(1, Math.sqrt(ratio) + ratio);
  }

  /** How many words there are. */
  int size() {
    return kept.length;
  }

  /** Whether an occurrence of a word counts, for 64 random bits. */
  boolean keeps(int word, long bits) {
    return bits >>> 32 < kept[word];
  }

  /** A word that was not there, for 64 random bits. */
  int other(long bits) {
    return noise.word(bits);
  }
}
