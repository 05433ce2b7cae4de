package org.pygpt.generate;

/**
 * How targets are made.
 *
 * @param sampling how the next token is chosen where there is one beam
 * @param beams unfinished targets that are followed at once; 1 for none but the chosen one
 * @param lengthPenalty finished targets are compared by the logarithm of their probability over
 *     this power of their length; read where there are several beams
 * @param maxNewTokens most tokens of a target, its end too
 * @param begin the token that begins a target
 * @param end the token that ends one
 * @param seed the i-th source takes the numbers of {@code random.Random(seed + i)}
 */
public record TranslateOptions(
    SamplingOptions sampling,
    int beams,
    double lengthPenalty,
    int maxNewTokens,
    int begin,
    int end,
    long seed) {
  /** Checks the ranges. */
  public TranslateOptions {
    require(beams >= 1 && beams <= Translator.ROWS, "beams", "1 to " + Translator.ROWS, beams);
    require(Double.isFinite(lengthPenalty), "length_penalty", "a finite number", lengthPenalty);
    require(maxNewTokens >= 1, "max_new_tokens", "1 or more", maxNewTokens);
  }

  private static void require(boolean holds, String name, String expected, Number got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }
}
