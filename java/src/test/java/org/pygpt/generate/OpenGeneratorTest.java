package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.EXACT;
import static org.pygpt.support.Tolerances.MODEL;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.generate.GeneratorTest.Options;
import org.pygpt.generate.GeneratorTest.Result;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/** A generator that stays open: requests that join and leave, caches that are shared. */
class OpenGeneratorTest {
  private static final int[] NO_STOPS = {};
  private static final SamplingOptions WILD = new SamplingOptions(1.7, 0, 1, 0, 1.1);

  private static Options options(int maxNewTokens, SamplingOptions sampling) {
    return new Options(maxNewTokens, sampling, NO_STOPS, 1, 0);
  }

  private static int[] join(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  /** Requests of different lengths, options, stop tokens and seeds. */
  private static List<Request> requests(int V) {
    Random random = new Random(5);
    List<Request> requests = new ArrayList<>();
    for (int b = 0; b < Generator.AT_ONCE; b++) {
      int[] prompt = Models.tokens(1 + random.nextInt(3 * Generator.PART / 2), V, b);
      double temperature = b % 4 == 0 ? 0 : 0.5 + random.nextDouble();
      double topP = b % 5 == 0 ? 0.9 : 1;
      double penalty = b % 7 == 0 ? 1.2 : 1;
      var sampling = new SamplingOptions(temperature, b % 3 * 5, topP, 0, penalty);
      int maxNewTokens = 1 + random.nextInt(20);
      requests.add(Request.seeded(prompt, maxNewTokens, sampling, new int[] {b}, 1, b));
    }
    return requests;
  }

  @ParameterizedTest
  @CsvSource({"cpu, none", "cpu, int8", "cpu, bfloat16", "nd4j, none", "plain, none"})
  void requestsThatJoinOthersGetWhatTheyGetAlone(String backend, String weights) {
    GPTConfig config = GPTConfig.gpt2(900, 101, 2, 3, 48);
    DType dtype = backend.equals("plain") ? DType.FLOAT64 : DType.FLOAT32;
    double tolerance = backend.equals("plain") ? EXACT : MODEL;
    try (GPT model = Models.create(config, backend, dtype, 2)) {
      if (!weights.equals("none")) {
        model.quantize(weights);
      }
      List<Sequence> expected;
      try (Generator generator = new Generator(model, 1, true)) {
        expected = requests(101).stream().map(generator::submit).toList();
        while (generator.advance()) {}
      }
      List<Sequence> got = new ArrayList<>();
      int most = 0;
      try (Generator generator = new Generator(model)) {
        for (Request request : requests(101)) {
          got.add(generator.submit(request));
          generator.advance();
          most = Math.max(most, generator.running());
        }
        while (generator.advance()) {}
      }
      assertTrue(most > 8);
      for (int b = 0; b < got.size(); b++) {
        assertArrayEquals(expected.get(b).tokens(0), got.get(b).tokens(0), "request " + b);
        double[] values = got.get(b).logProbabilities();
        for (int i = 0; i < values.length; i++) {
          double value = expected.get(b).logProbabilities()[i];
          assertEquals(value, values[i], tolerance * Math.max(1, Math.abs(value)));
        }
      }
    }
  }

  @Test
  void aLongPromptDoesNotStopTheOthers() {
    GPTConfig config = GPTConfig.gpt2(5 * Generator.PART, 11, 1, 1, 4);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model)) {
      Sequence first = generator.submit(options(10, WILD).request(new int[] {1}, 0));
      generator.advance();
      int[] prompt = Models.tokens(4 * Generator.PART + 1, 11, 1);
      Sequence second = generator.submit(options(10, WILD).request(prompt, 1));
      int before = first.length();
      int calls = 0;
      for (; second.length() == 0; calls++) {
        generator.advance();
      }
      assertTrue(first.length() - before >= 3);
      assertTrue(calls <= 8);
    }
  }

  @Test
  void aCancelledRequestFreesItsCacheAndNobodyElses() {
    try (GPT model = Models.create(Models.llama(0), "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model, 2, false)) {
      int[][] prompts = {{1}, {5, 2}, {3}, {4}};
      int[][] expected = Result.of(model, prompts, options(5, WILD)).tokens();
      List<Sequence> all = GeneratorTest.submitted(generator, prompts, options(5, WILD));
      generator.advance();
      generator.advance();
      assertEquals(List.of(2, 2), List.of(generator.running(), generator.queued()));
      generator.cancel(all.get(3)); // in the queue
      assertEquals(1, generator.queued());
      generator.cancel(all.get(0));
      int length = all.get(0).length();
      generator.advance();
      assertEquals(0, generator.queued()); // the third has its place
      while (generator.advance()) {}
      assertEquals(length, all.get(0).length());
      assertEquals(0, all.get(3).length());
      assertArrayEquals(expected[2], all.get(2).tokens(0));
      generator.cancel(all.get(1)); // has ended: nothing happens
      assertArrayEquals(expected[1], all.get(1).tokens(0));
    }
  }

  @Test
  void manyRequestsThatAreCancelledTakeNoMemory() {
    GPTConfig config = GPTConfig.gpt2(200, 11, 1, 1, 4);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model)) {
      long most = Generator.AT_ONCE * model.cacheBytes(200);
      for (int i = 0; i < 10_000; i++) {
        int[] prompt = Models.tokens(1 + i % 100, 11, i);
        Sequence sequence = generator.submit(options(100, WILD).request(prompt, i));
        for (int call = 0; call < i % 3; call++) {
          generator.advance();
        }
        generator.cancel(sequence);
        generator.advance();
        assertEquals(0, generator.running() + generator.queued());
        assertTrue(generator.cacheBytes() <= most);
      }
    }
  }

  // ---- caches ----------------------------------------------------------------------------------

  @Test
  void aPromptIsReadFromWhereItDiffers() {
    GPTConfig config = GPTConfig.gpt2(300, 11, 2, 1, 8);
    int[] shared = Models.tokens(100, 11, 1);
    Options options = options(40, SamplingOptions.GREEDY);
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      Sequence first = generator.submit(options.request(join(shared, new int[] {7}), 0));
      while (generator.advance()) {}
      int[] conversation = join(shared, new int[] {7}, first.tokens(0), new int[] {3, 4});
      int[] other = join(shared, new int[] {8});
      for (int[] prompt : new int[][] {other, conversation, other, shared}) {
        Sequence sequence = generator.submit(options.request(prompt, 0));
        while (generator.advance()) {}
        int[][] alone = Result.of(model, new int[][] {prompt}, options).tokens();
        assertArrayEquals(alone[0], sequence.tokens(0));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void howMuchOfAPromptIsThere(boolean reuse) {
    GPTConfig config = GPTConfig.gpt2(300, 11, 2, 1, 8);
    int[] prompt = Models.tokens(100, 11, 1);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1);
        CachePool pool = new CachePool(model, 3, reuse)) {
      KeyValueCache first = pool.take(prompt, 120);
      assertEquals(0, first.length());
      first.add(prompt, 0, 100);
      KeyValueCache second = pool.take(join(prompt, new int[] {1}), 120); // the first is in use
      assertEquals(reuse ? 100 : 0, second.length());
      assertEquals(0, pool.take(new int[] {1}, 120).length());
      assertNull(pool.take(new int[] {1}, 120)); // there are three
      pool.release(first);
      KeyValueCache again = pool.take(Arrays.copyOf(prompt, 70), 120);
      assertSame(first, again);
      assertEquals(reuse ? 69 : 0, again.length());
      pool.release(again);
      model.changed();
      assertEquals(0, pool.take(prompt, 130).length());
      assertEquals(2 * model.cacheBytes(120) + model.cacheBytes(130), pool.bytes());
    }
  }

  @Test
  void keysAndValuesOfOtherWeightsAreNotReused() {
    GPTConfig config = GPTConfig.gpt2(100, 11, 1, 1, 4);
    int[][] prompt = {Models.tokens(50, 11, 1)};
    Options options = options(5, SamplingOptions.GREEDY);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model)) {
      List<Runnable> changes =
          List.of(
              () -> model.initialize(1),
              () -> train(model, prompt[0]),
              () -> {
                HostMemory.set(model.weights().get("wte.weight"), prompt[0][3], 1, 3);
                generator.forget();
              },
              () -> model.quantize("int8"));
      for (Runnable change : changes) {
        Sequence before = GeneratorTest.submitted(generator, prompt, options).get(0);
        while (generator.advance()) {}
        change.run();
        Sequence after = GeneratorTest.submitted(generator, prompt, options).get(0);
        while (generator.advance()) {}
        double[] alone = Result.of(model, prompt, options).logProbabilities()[0];
        assertArrayEquals(alone, after.logProbabilities());
        assertFalse(Arrays.equals(before.logProbabilities(), after.logProbabilities()));
      }
    }
  }

  private static void train(GPT model, int[] tokens) {
    try (Training training = new Training(model, 1, tokens.length, AdamW.NANOGPT)) {
      training.setBatch(tokens, tokens, 1, tokens.length);
      training.backward(1, tokens.length);
      training.update(1);
    }
  }

  // ---- random numbers, interruptions -----------------------------------------------------------

  @Test
  void requestsMayShareTheirNumbersOneAfterAnother() {
    try (GPT model = Models.create(Models.llama(0), "plain", DType.FLOAT64, 1)) {
      double[] uniforms = new Random(3).doubles(12).toArray();
      List<Sequence> got = shared(model, 4, Request.numbers(uniforms));
      for (int i = 0; i < 3; i++) {
        double[] part = Arrays.copyOfRange(uniforms, 4 * i, 4 * i + 4);
        Sequence alone = shared(model, 1, Request.numbers(part)).get(0);
        assertArrayEquals(alone.tokens(0), got.get(i).tokens(0));
      }
      assertThrows(NoSuchElementException.class, got.get(3)::throwIfFailed);
    }
  }

  private static List<Sequence> shared(GPT model, int count, DoubleSupplier uniforms) {
    Request request = new Request(new int[] {1}, 4, WILD, NO_STOPS, 0, uniforms);
    try (Generator generator = new Generator(model, 1, true)) {
      List<Sequence> sequences =
          IntStream.range(0, count).mapToObj(i -> generator.submit(request)).toList();
      while (generator.advance()) {}
      return sequences;
    }
  }

  @Test
  void anInterruptedCallIsMadeAgain() {
    int[][] prompts = {{1}, {5, 2}};
    Options options = options(5, WILD);
    try (GPT model = Models.create(Models.llama(0), "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model)) {
      List<Sequence> sequences = GeneratorTest.submitted(generator, prompts, options);
      while (generator.advance()) {
        generator.interrupt();
        assertThrows(CancellationException.class, generator::advance);
      }
      int[][] expected = Result.of(model, prompts, options).tokens();
      assertArrayEquals(expected, Result.of(sequences).tokens());
    }
  }
}
