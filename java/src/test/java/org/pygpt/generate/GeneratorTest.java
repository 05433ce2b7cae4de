package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.EXACT;
import static org.pygpt.support.Tolerances.FLOAT64;
import static org.pygpt.support.Tolerances.MODEL;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Session;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.TooLargeError;

/** Generation: the caches, the sequences of a batch, their ends. */
class GeneratorTest {
  private static final int NEW = 3;
  private static final int[] NO_STOPS = {};
  private static final SamplingOptions WILD = new SamplingOptions(1.7, 0, 1, 0, 1.1);

  /** How all prompts are continued; prompt b takes {@code seed + b}. */
  record Options(int maxNewTokens, SamplingOptions sampling, int[] stops, long seed, int topCount) {
    Request request(int[] prompt, int b) {
      return Request.seeded(prompt, maxNewTokens, sampling, stops, topCount, seed + b);
    }
  }

  private static Options options(int maxNewTokens, SamplingOptions sampling, long seed) {
    return new Options(maxNewTokens, sampling, NO_STOPS, seed, 0);
  }

  /** What generation made of all prompts. */
  record Result(int[][] tokens, double[][] logProbabilities) {
    static Result of(GPT model, int[][] prompts, Options options) {
      try (Generator generator = new Generator(model)) {
        List<Sequence> sequences = submitted(generator, prompts, options);
        while (generator.advance()) {
          assertTrue(generator.running() <= Generator.AT_ONCE);
        }
        assertEquals(0, generator.running());
        return of(sequences);
      }
    }

    static Result of(List<Sequence> sequences) {
      sequences.forEach(Sequence::throwIfFailed);
      return new Result(
          sequences.stream().map(sequence -> sequence.tokens(0)).toArray(int[][]::new),
          sequences.stream().map(Sequence::logProbabilities).toArray(double[][]::new));
    }
  }

  static List<Sequence> submitted(Generator generator, int[][] prompts, Options options) {
    return IntStream.range(0, prompts.length)
        .mapToObj(b -> generator.submit(options.request(prompts[b], b)))
        .toList();
  }

  /** More prompts than there are caches, of 1 to 4 tokens; pairs are equal. */
  private static int[][] prompts(int V) {
    return IntStream.range(0, Generator.AT_ONCE + 5)
        .mapToObj(b -> Models.tokens(1 + b / 2 % 4, V, b / 2))
        .toArray(int[][]::new);
  }

  /** Those of all other tests, and one that is large enough for native products. */
  static Stream<Named<GPTConfig>> configurations() {
    return Stream.concat(
        Models.configurations(),
        Stream.of(Named.of("native products", GPTConfig.gpt2(67, 101, 2, 3, 96))));
  }

  /** Logarithms of the probabilities of what follows these tokens, without a cache. */
  private static double[] logProbabilities(GPT model, int[] tokens) {
    int T = tokens.length;
    try (Session program = model.evaluation(1, T)) {
      program.setIds(Arrays.copyOf(tokens, T));
      program.tape().forward(Step.forward(1, T));
      double[] logits = Models.values(program.logits().rows(T - 1, 1));
      double max = Arrays.stream(logits).max().getAsDouble();
      double sum = Arrays.stream(logits).map(x -> Math.exp(x - max)).sum();
      return Arrays.stream(logits).map(x -> x - max - Math.log(sum)).toArray();
    }
  }

  /** Of all tokens, likeliest first. */
  private static int[] ranking(double[] logProbabilities) {
    return IntStream.range(0, logProbabilities.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -logProbabilities[i]))
        .mapToInt(i -> i)
        .toArray();
  }

  private static int[] append(int[] tokens, int token) {
    int[] longer = Arrays.copyOf(tokens, tokens.length + 1);
    longer[tokens.length] = token;
    return longer;
  }

  // ---- the caches ------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("configurations")
  void greedyWithACacheIsGreedyWithout(GPTConfig config) {
    assertCachedIsUncached(config, "plain", DType.FLOAT64, FLOAT64);
    assertCachedIsUncached(config, "cpu", DType.FLOAT32, MODEL);
    assertCachedIsUncached(config, "nd4j", DType.FLOAT32, MODEL);
    assertCachedIsUncached(config, "cuda", DType.FLOAT32, MODEL);
  }

  private static void assertCachedIsUncached(
      GPTConfig config, String backend, DType dtype, double tolerance) {
    try (GPT model = Models.create(config, backend, dtype, 2)) {
      int[] tokens = Models.tokens(2, config.vocabSize(), 1);
      int[][] prompts = {tokens, Models.tokens(1, config.vocabSize(), 2)};
      int count = 5;
      Result got = Result.of(model, prompts, options(count, SamplingOptions.GREEDY, 1));
      for (int i = 0; i < count; i++) {
        double[] expected = logProbabilities(model, tokens);
        int likeliest = ranking(expected)[0];
        assertEquals(likeliest, got.tokens[0][i], backend + " at token " + i);
        double largest = Arrays.stream(expected).map(Math::abs).max().getAsDouble();
        assertEquals(expected[likeliest], got.logProbabilities[0][i], tolerance * largest);
        tokens = append(tokens, likeliest);
      }
      assertEquals(count, got.tokens[0].length);
    }
  }

  // ---- sequences -------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("configurations")
  void aSequenceOfABatchIsWhatItIsAlone(GPTConfig config) {
    for (SamplingOptions sampling : new SamplingOptions[] {SamplingOptions.GREEDY, WILD}) {
      assertBatchIsSingle(config, "plain", DType.FLOAT64, sampling, EXACT);
      assertBatchIsSingle(config, "cpu", DType.FLOAT32, sampling, MODEL);
      assertBatchIsSingle(config, "nd4j", DType.FLOAT32, sampling, MODEL);
    }
  }

  private static void assertBatchIsSingle(
      GPTConfig config, String backend, DType dtype, SamplingOptions sampling, double tolerance) {
    try (GPT model = Models.create(config, backend, dtype, 2)) {
      int[][] prompts = prompts(config.vocabSize());
      Result together = Result.of(model, prompts, options(NEW, sampling, 5));
      for (int b = 0; b < prompts.length; b++) {
        Result alone = Result.of(model, new int[][] {prompts[b]}, options(NEW, sampling, 5 + b));
        String what = backend + ", sequence " + b;
        assertArrayEquals(alone.tokens[0], together.tokens[b], what);
        double[] expected = alone.logProbabilities[0];
        double[] got = together.logProbabilities[b];
        for (int i = 0; i < NEW; i++) { // a logarithm of 1 is small, and the logits are not
          double largest = Math.max(1, Math.abs(expected[i]));
          assertEquals(expected[i], got[i], tolerance * largest, what);
        }
      }
    }
  }

  @Test
  void sequencesEndAtStopTokensAndMakeRoom() {
    GPTConfig config = Models.llama(0);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1)) {
      int[][] prompts = prompts(config.vocabSize());
      Result free = Result.of(model, prompts, options(NEW, WILD, 3));
      int[] stops = {2, 7};
      Result stopped = Result.of(model, prompts, new Options(NEW, WILD, stops, 3, 0));
      int early = 0;
      for (int b = 0; b < prompts.length; b++) {
        int[] all = free.tokens[b];
        int end =
            IntStream.range(0, NEW).filter(i -> all[i] == 2 || all[i] == 7).findFirst().orElse(NEW);
        int[] expected = Arrays.copyOf(all, Math.min(NEW, end + 1));
        assertArrayEquals(expected, stopped.tokens[b], "sequence " + b);
        early += expected.length < NEW ? 1 : 0;
      }
      assertTrue(early > 0);
    }
  }

  @Test
  void aSequenceMayBeEndedFromOutside() {
    GPTConfig config = Models.llama(0);
    int[][] prompts = {{1}, {5, 2}, {3}};
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1)) {
      int[][] expected = Result.of(model, prompts, options(5, WILD, 1)).tokens;
      try (Generator generator = new Generator(model)) {
        List<Sequence> sequences = submitted(generator, prompts, options(5, WILD, 1));
        for (int call = 0; call < 3 + 2; call++) {
          assertTrue(generator.advance());
        }
        sequences.forEach(sequence -> assertEquals(3, sequence.length()));
        sequences.get(1).end(2);
        while (generator.advance()) {}
        assertEquals(List.of(5, 2, 5), sequences.stream().map(Sequence::length).toList());
        assertArrayEquals(expected[0], sequences.get(0).tokens(0));
        assertArrayEquals(Arrays.copyOf(expected[1], 2), sequences.get(1).tokens(0));
        assertArrayEquals(Arrays.copyOfRange(expected[2], 4, 5), sequences.get(2).tokens(4));
        assertFalse(generator.advance());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "3", "11"})
  void topTokens(int topCount) {
    GPTConfig config = Models.llama(0);
    int[][] prompts = {{1}, {5, 2}};
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      Options options = new Options(NEW, WILD, NO_STOPS, 1, topCount);
      List<Sequence> sequences = submitted(generator, prompts, options);
      while (generator.advance()) {}
      for (int b = 0; b < prompts.length; b++) {
        int[] tokens = prompts[b];
        int[] top = new int[NEW * topCount];
        double[] values = new double[NEW * topCount];
        for (int i = 0; i < NEW; i++) {
          double[] expected = logProbabilities(model, tokens);
          int[] ranking = ranking(expected);
          for (int rank = 0; rank < topCount; rank++) {
            top[i * topCount + rank] = ranking[rank];
            values[i * topCount + rank] = expected[ranking[rank]];
          }
          tokens = append(tokens, sequences.get(b).tokens(i)[0]);
        }
        assertArrayEquals(top, sequences.get(b).topTokens());
        assertArrayEquals(values, sequences.get(b).topLogProbabilities(), 10 * FLOAT64);
      }
    }
  }

  // ---- errors ----------------------------------------------------------------------------------

  @Test
  void cachesThatDoNotFitAreRefused() {
    int positions = 1 << 23;
    GPTConfig config = GPTConfig.gpt2(positions, 11, 10_000, 1, 1);
    try (GPT model = GPT.create(config, "cpu", DType.FLOAT32, 1)) {
      Request request = options(positions - 1, SamplingOptions.GREEDY, 1).request(new int[1], 0);
      try (Generator generator = new Generator(model)) {
        Throwable error = assertThrows(TooLargeError.class, () -> generator.submit(request));
        String start = "a key/value cache of 1 x 8388607 tokens needs at least 671.09 GB of memory";
        assertEquals(start, error.getMessage().substring(0, start.length()));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 1, max_new_tokens: expected 1 or more",
    "3, -1, 1, top_logprobs: expected 0 to 11 (vocab_size)",
    "3, 12, 1, top_logprobs: expected 0 to 11 (vocab_size)",
    "3, 0, 11, 'prompt: expected 0 to 10 (vocab_size - 1), got 11'",
    "7, 0, 1, 'prompt: expected 1 to 1 (block_size + 1 - max_new_tokens) tokens, got 2'",
  })
  void badInput(int maxNewTokens, int topCount, int token, String message) {
    Options options = new Options(maxNewTokens, WILD, NO_STOPS, 1, topCount);
    try (GPT model = Models.create(Models.llama(0), "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      Throwable error =
          assertThrows(
              IllegalArgumentException.class,
              () -> generator.submit(options.request(new int[] {token, 2}, 0)));
      assertTrue(error.getMessage().startsWith(message), error.getMessage());
      assertEquals(0, generator.queued());
    }
  }

  @Test
  void logitsThatAreNoNumbersEndTheirSequence() {
    try (GPT model = Models.create(Models.llama(0), "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      Options options = options(3, SamplingOptions.GREEDY, 1);
      List<Sequence> sequences = submitted(generator, new int[][] {{1}, {2}}, options);
      HostMemory.set(model.weights().get("wte.weight"), 1, 0, Double.NaN); // read by token 1 alone
      generator.advance();
      generator.advance();
      assertThrows(ArithmeticException.class, sequences.get(0)::throwIfFailed);
      assertEquals(0, sequences.get(0).length());
      assertTrue(sequences.get(0).ended());
      assertEquals(1, sequences.get(1).length());
    }
  }
}
