package org.pygpt;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.pygpt.generate.SamplingOptions;

/**
 * Immutable: how a prompt is continued; the same options as Python's {@code GPT.generate} has.
 *
 * {@snippet file="Snippets.java" region="options"}
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
 * @param stopTokens the ids after which it ends; empty for the model's
 * @param topLogprobs how many of the likeliest tokens a {@link Continuation} tells of
 * @param lookup whether tokens are guessed from what was there before: the same text, sooner where
 *     it repeats itself
 */
public record GenerateOptions(
    int maxNewTokens,
    SamplingOptions sampling,
    OptionalLong seed,
    List<String> stop,
    boolean truncate,
    boolean slide,
    boolean specials,
    Optional<List<Integer>> stopTokens,
    int topLogprobs,
    boolean lookup) {
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
          false,
          Optional.empty(),
          0,
          false);

  /** Checks the options. */
  public GenerateOptions {
    stop = List.copyOf(stop);
    require(maxNewTokens >= 1, "max_new_tokens", "at least 1", maxNewTokens);
    long number = seed.orElse(0);
    require(number >= 0 && number <= SEED_MAX, "seed", "0 to " + SEED_MAX, number);
    require(topLogprobs >= 0, "top_logprobs", "at least 0", topLogprobs);
    require(!stop.contains(""), "stop", "texts", "an empty one");
  }

  private static void require(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }

  /** These options with at most so many new tokens. */
  public GenerateOptions withMaxNewTokens(int count) {
    return with(count, sampling, seed, stop, slide, stopTokens);
  }

  /** These options with tokens chosen so. */
  public GenerateOptions withSampling(SamplingOptions sampling) {
    return with(maxNewTokens, sampling, seed, stop, slide, stopTokens);
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
    return with(maxNewTokens, sampling, OptionalLong.of(seed), stop, slide, stopTokens);
  }

  /** These options with texts that end it. */
  public GenerateOptions withStop(String... stop) {
    return with(maxNewTokens, sampling, seed, List.of(stop), slide, stopTokens);
  }

  /** These options with ids after which it ends, instead of the model's. */
  public GenerateOptions withStopTokens(Integer... ids) {
    return with(maxNewTokens, sampling, seed, stop, slide, Optional.of(List.of(ids)));
  }

  /** These options where text may be longer than the context. */
  public GenerateOptions sliding() {
    return with(maxNewTokens, sampling, seed, stop, true, stopTokens);
  }

  /** These options where a prompt that is too long loses its beginning. */
  public GenerateOptions truncated() {
    return new GenerateOptions(
        maxNewTokens, sampling, seed, stop, true, slide, specials, stopTokens, topLogprobs, lookup);
  }

  private GenerateOptions with(
      int maxNewTokens,
      SamplingOptions sampling,
      OptionalLong seed,
      List<String> stop,
      boolean slide,
      Optional<List<Integer>> stopTokens) {
    return new GenerateOptions(
        maxNewTokens,
        sampling,
        seed,
        stop,
        truncate,
        slide,
        specials,
        stopTokens,
        topLogprobs,
        lookup);
  }
}
