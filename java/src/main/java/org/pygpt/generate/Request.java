package org.pygpt.generate;

import java.util.function.DoubleSupplier;
import java.util.stream.DoubleStream;
import org.pygpt.python.PythonRandom;

/**
 * A prompt, and how it is continued.
 *
 * @param prompt token ids, not empty
 * @param maxNewTokens most tokens to add, at least 1; the last one is not read, so that with the
 *     prompt they may be {@code block_size + 1}, unless the context slides
 * @param stopTokens the sequence ends after one of these
 * @param neverTokens are not chosen, as if the model gave them no probability; what it gives the
 *     others is told as it is
 * @param slides whether the tokens may be more than the context: then the last {@code block_size}
 *     of them are read again for each new one, from position 0, as nanoGPT does
 * @param topCount how many of the likeliest tokens are kept for each new one, at most V
 * @param lookup whether a step also reads guesses from what came before, so that it may give
 *     several tokens, the same ones: see {@link PromptLookup}
 * @param uniforms gives a number in [0, 1) for each token; none is taken if the temperature is 0
 */
public record Request(
    int[] prompt,
    int maxNewTokens,
    SamplingOptions sampling,
    int[] stopTokens,
    int[] neverTokens,
    boolean slides,
    int topCount,
    boolean lookup,
    DoubleSupplier uniforms) {
  private static final int[] NONE = {};

  /** A request that may choose every token, within the context. */
  public Request(
      int[] prompt,
      int maxNewTokens,
      SamplingOptions sampling,
      int[] stopTokens,
      int topCount,
      DoubleSupplier uniforms) {
    this(prompt, maxNewTokens, sampling, stopTokens, NONE, false, topCount, false, uniforms);
  }

  /** A request whose numbers are those of {@code random.Random(seed)}. */
  public static Request seeded(
      int[] prompt,
      int maxNewTokens,
      SamplingOptions sampling,
      int[] stopTokens,
      int topCount,
      long seed) {
    return seeded(prompt, maxNewTokens, sampling, stopTokens, NONE, false, topCount, seed);
  }

  /** A request whose numbers are those of {@code random.Random(seed)}. */
  public static Request seeded(
      int[] prompt,
      int maxNewTokens,
      SamplingOptions sampling,
      int[] stopTokens,
      int[] neverTokens,
      boolean slides,
      int topCount,
      long seed) {
    DoubleSupplier uniforms = sampling.isRandom() ? new PythonRandom(seed)::random : () -> 0;
    return new Request(
        prompt, maxNewTokens, sampling, stopTokens, neverTokens, slides, topCount, false, uniforms);
  }

  /** This request with guesses, or without. */
  public Request withLookup(boolean lookup) {
    return new Request(
        prompt,
        maxNewTokens,
        sampling,
        stopTokens,
        neverTokens,
        slides,
        topCount,
        lookup,
        uniforms);
  }

  /** The numbers of an array, in order, for requests that share them; the array is shared too. */
  public static DoubleSupplier numbers(double[] uniforms) {
    return DoubleStream.of(uniforms).iterator()::nextDouble;
  }

  /**
   * Passes if a model of this vocabulary and block size can continue it.
   *
   * @throws IllegalArgumentException if it cannot
   */
  void check(int V, int blockSize) {
    require(maxNewTokens >= 1, "max_new_tokens", "1 or more", maxNewTokens);
    boolean holds = topCount >= 0 && topCount <= V;
    require(holds, "top_logprobs", "0 to " + V + " (vocab_size)", topCount);
    checkTokens("prompt", prompt, V);
    checkTokens("stop_tokens", stopTokens, V);
    checkTokens("never_tokens", neverTokens, V);
    int limit = slides ? blockSize : blockSize + 1 - maxNewTokens;
    String name = slides ? "block_size" : "block_size + 1 - max_new_tokens";
    String expected = "1 to " + limit + " (" + name + ") tokens";
    require(prompt.length >= 1 && prompt.length <= limit, "prompt", expected, prompt.length);
  }

  private static void checkTokens(String name, int[] tokens, int V) {
    String expected = "0 to " + (V - 1) + " (vocab_size - 1)";
    for (int token : tokens) {
      require(token >= 0 && token < V, name, expected, token);
    }
  }

  private static void require(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }
}
