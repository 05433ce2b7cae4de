package org.pygpt.generate;

import java.util.function.DoubleSupplier;
import java.util.stream.DoubleStream;
import org.pygpt.python.PythonRandom;

/**
 * A prompt, and how it is continued.
 *
 * @param prompt token ids, not empty
 * @param maxNewTokens most tokens to add, at least 1; the last one is not read, so that with the
 *     prompt they may be {@code block_size + 1}
 * @param stopTokens the sequence ends after one of these
 * @param topCount how many of the likeliest tokens are kept for each new one, at most V
 * @param uniforms gives a number in [0, 1) for each token; none is taken if the temperature is 0
 */
public record Request(
    int[] prompt,
    int maxNewTokens,
    SamplingOptions sampling,
    int[] stopTokens,
    int topCount,
    DoubleSupplier uniforms) {
  /** A request whose numbers are those of {@code random.Random(seed)}. */
  public static Request seeded(
      int[] prompt,
      int maxNewTokens,
      SamplingOptions sampling,
      int[] stopTokens,
      int topCount,
      long seed) {
    DoubleSupplier uniforms = sampling.isRandom() ? new PythonRandom(seed)::random : () -> 0;
    return new Request(prompt, maxNewTokens, sampling, stopTokens, topCount, uniforms);
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
    int limit = blockSize + 1 - maxNewTokens;
    String expected = "1 to " + limit + " (block_size + 1 - max_new_tokens) tokens";
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
