package org.pygpt.generate;

/**
 * How the next token is chosen. What is left of the tokens after {@code topK}, {@code topP} and
 * {@code minP}, applied in this order, keeps the ratios of its probabilities.
 *
 * @param temperature divides the logits; 0 takes the likeliest token, the lowest id among equals
 * @param topK so many of the likeliest tokens are left; 0 for all
 * @param topP the likeliest tokens are left that together have this probability, in (0, 1]
 * @param minP tokens are left that have at least this share of the likeliest one's probability, in
 *     [0, 1]
 * @param repetitionPenalty divides the positive logits of tokens that occurred, and multiplies the
 *     negative ones; above 0, and 1 for none
 * @see <a href="https://arxiv.org/abs/1904.09751">Holtzman et al. 2020, top-p</a>
 * @see <a href="https://arxiv.org/abs/2407.01082">Nguyen et al. 2024, min-p</a>
 * @see <a href="https://arxiv.org/abs/1909.05858">Keskar et al. 2019, repetition penalty</a>
 */
public record SamplingOptions(
    double temperature, int topK, double topP, double minP, double repetitionPenalty) {
  /** The likeliest token, always. */
  public static final SamplingOptions GREEDY = new SamplingOptions(0, 0, 1, 0, 1);

  /** Checks the options. */
  public SamplingOptions {
    require(
        temperature >= 0 && Double.isFinite(temperature), "temperature", "0 or more", temperature);
    require(topK >= 0, "top_k", "0 or more", topK);
    require(topP > 0 && topP <= 1, "top_p", "above 0, at most 1", topP);
    require(minP >= 0 && minP <= 1, "min_p", "0 to 1", minP);
    boolean positive = repetitionPenalty > 0 && Double.isFinite(repetitionPenalty);
    require(positive, "repetition_penalty", "above 0", repetitionPenalty);
  }

  private static void require(boolean holds, String name, String expected, Number got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }

  /** Whether a token is drawn, rather than the likeliest taken. */
  boolean isRandom() {
    return temperature > 0;
  }

  /** Whether every token is left. */
  boolean keepsAll() {
    return topK == 0 && topP == 1 && minP == 0;
  }
}
