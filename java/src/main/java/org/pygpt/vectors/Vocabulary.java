package org.pygpt.vectors;

import java.util.Arrays;

/** Immutable: how often each word occurs, and what follows from that. */
final class Vocabulary {
  private final int[] parts;
  private final long[] kept;
  private final Noise noise;

  /** Counts of the words, each at least 1. */
  Vocabulary(long[] counts, WordVectorConfig config) {
    int words = counts.length;
    double total = Arrays.stream(counts).sum();
    double[] weights = new double[words];
    parts = new int[words];
    kept = new long[words];
    double[] loads = new double[config.parts()];
    for (int word = 0; word < words; word++) {
      double share = keptShare(counts[word] / total, config.sample());
      kept[word] = Math.round(share * (1L << 32));
      weights[word] = Math.pow(counts[word], config.nsExponent());
      int least = 0;
      for (int part = 1; part < loads.length; part++) {
        least = loads[part] < loads[least] ? part : least;
      }
      parts[word] = least;
      loads[least] += share * counts[word] + 1;
    }
    noise = new Noise(weights);
  }

  /** Which share of its occurrences a word keeps that is this share of a text. */
  private static double keptShare(double share, double sample) {
    double ratio = sample / share;
    return sample == 0 ? 1 : Math.min(1, Math.sqrt(ratio) + ratio);
  }

  /** The part that a word belongs to. */
  int part(int word) {
    return parts[word];
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
