package org.pygpt;

import java.util.List;
import java.util.OptionalLong;
import org.pygpt.generate.SamplingOptions;

/**
 * Immutable: how a prompt is continued; the same options as Python's {@code GPT.generate} has.
 *
 * <pre>{@code
 * GenerateOptions options =
 *     GenerateOptions.DEFAULT.withMaxNewTokens(100).withTemperature(0.8).withSeed(1);
 * }</pre>
 *
 * @param maxNewTokens the most tokens to add
 * @param sampling how each is chosen
 * @param seed of the numbers, those of Python's {@code random.Random}; without one every call takes
 *     others
 * @param stop texts; the text ends before one of them
 * @param truncate whether a prompt that with the tokens to add is longer than the context loses its
 *     beginning
 * @param slide whether prompt and new tokens may be more than the context, whose end the model sees
 * @param specials whether special tokens in a prompt, such as {@code <|endoftext|>}, count as such
 */
public record GenerateOptions(
    int maxNewTokens,
    SamplingOptions sampling,
    OptionalLong seed,
    List<String> stop,
    boolean truncate,
    boolean slide,
    boolean specials) {
  private static final long SEED_MAX = 1L << 62;

  /** 50 tokens at temperature 1, unseeded. */
  public static final GenerateOptions DEFAULT =
      new GenerateOptions(
          50,
          new SamplingOptions(1, 0, 1, 0, 1),
          OptionalLong.empty(),
          List.of(),
          false,
          false,
          false);

  /** Checks the options. */
  public GenerateOptions {
    stop = List.copyOf(stop);
    require(maxNewTokens >= 1, "max_new_tokens", "at least 1", maxNewTokens);
    long number = seed.orElse(0);
    require(number >= 0 && number <= SEED_MAX, "seed", "0 to " + SEED_MAX, number);
    require(!stop.contains(""), "stop", "texts", "an empty one");
  }

  private static void require(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }

  /** These options with at most so many new tokens. */
  public GenerateOptions withMaxNewTokens(int count) {
    return new GenerateOptions(count, sampling, seed, stop, truncate, slide, specials);
  }

  /** These options with tokens chosen so. */
  public GenerateOptions withSampling(SamplingOptions sampling) {
    return new GenerateOptions(maxNewTokens, sampling, seed, stop, truncate, slide, specials);
  }

  /** These options at another temperature; 0 takes the likeliest token. */
  public GenerateOptions withTemperature(double temperature) {
    return withSampling(
        new SamplingOptions(
            temperature,
            sampling.topK(),
            sampling.topP(),
            sampling.minP(),
            sampling.repetitionPenalty()));
  }

  /** These options with the numbers of {@code random.Random(seed)}. */
  public GenerateOptions withSeed(long seed) {
    OptionalLong given = OptionalLong.of(seed);
    return new GenerateOptions(maxNewTokens, sampling, given, stop, truncate, slide, specials);
  }

  /** These options with texts that end it. */
  public GenerateOptions withStop(String... stop) {
    List<String> texts = List.of(stop);
    return new GenerateOptions(maxNewTokens, sampling, seed, texts, truncate, slide, specials);
  }

  /** These options where text may be longer than the context. */
  public GenerateOptions sliding() {
    return new GenerateOptions(maxNewTokens, sampling, seed, stop, truncate, true, specials);
  }
}
