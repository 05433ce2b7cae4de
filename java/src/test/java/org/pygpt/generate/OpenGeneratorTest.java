package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.EXACT;
import static org.pygpt.support.Tolerances.MODEL;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
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
import org.pygpt.model.Session;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
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

  /** Rounded weights: as many rows as are alike have the bits of one alone. */
  @ParameterizedTest
  @CsvSource({"int4", "int8", "bfloat16"})
  void rowsThatAreAlikeHaveTheBitsOfOneAlone(String weights) {
    GPTConfig config = GPTConfig.gpt2(900, 101, 2, 3, 48);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 2)) {
      model.quantize(weights);
      int most = Math.min(Generator.AT_ONCE, model.rowsAlike());
      List<Sequence> alone;
      try (Generator generator = new Generator(model, 1, true)) {
        alone = requests(101).stream().limit(most).map(generator::submit).toList();
        while (generator.advance()) {}
      }
      List<Sequence> together;
      try (Generator generator = new Generator(model, most, true)) {
        together = requests(101).stream().limit(most).map(generator::submit).toList();
        while (generator.advance()) {}
      }
      for (int b = 0; b < most; b++) {
        assertArrayEquals(alone.get(b).tokens(0), together.get(b).tokens(0));
        assertArrayEquals(alone.get(b).logProbabilities(), together.get(b).logProbabilities());
      }
    }
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

  /** Which goes on meanwhile, and all get what they get alone. */
  @Test
  void shortPromptsPassALongOne() {
    GPTConfig config = GPTConfig.gpt2(5 * Generator.PART, 11, 1, 1, 4);
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model, 5, false)) {
      Options options = options(12, WILD);
      Sequence first = generator.submit(options.request(new int[] {1}, 0));
      generator.advance();
      int[] prompt = Models.tokens(4 * Generator.PART + 1, 11, 1);
      Sequence longOne = generator.submit(options.request(prompt, 1));
      while (longOne.cache() == null || longOne.cache().length() == 0) {
        generator.advance();
      }
      int[][] prompts = {{2, 3}, {5, 6, 7}};
      List<Sequence> shortOnes = GeneratorTest.submitted(generator, prompts, options);
      for (int i = 0; i < 2; i++) {
        int unread = longOne.unread();
        while (shortOnes.get(i).length() == 0) {
          generator.advance();
        }
        assertTrue(unread - longOne.unread() <= Generator.PART);
      }
      assertEquals(0, longOne.length());
      generator.cancel(first);
      assertTrue(generator.running() <= 5);
      while (generator.advance()) {}
      int[] alone = Result.of(model, new int[][] {prompt}, options).tokens()[0];
      assertEquals(alone.length, longOne.length());
      for (int i = 0; i < 2; i++) {
        assertEquals(12, shortOnes.get(i).length());
      }
      assertEquals(0, generator.running());
    }
  }

  @Test
  void aLongPromptThatLetsOthersPassCanBeCancelled() {
    GPTConfig config = GPTConfig.gpt2(5 * Generator.PART, 11, 1, 1, 4);
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      Options options = options(12, WILD);
      generator.submit(options.request(new int[] {1}, 0));
      generator.advance();
      int[] prompt = Models.tokens(4 * Generator.PART + 1, 11, 1);
      Sequence longOne = generator.submit(options.request(prompt, 1));
      Sequence shortOne = generator.submit(options.request(new int[] {2}, 2));
      while (longOne.cache() == null || longOne.cache().length() == 0) {
        generator.advance();
      }
      generator.cancel(longOne);
      generator.advance();
      assertEquals(2, generator.running());
      while (generator.advance()) {}
      assertEquals(12, shortOne.length());
      assertEquals(0, longOne.length());
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

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aPromptThatWasReadWithTwoModelsServesNoOther(boolean forgets) {
    GPTConfig config = GPTConfig.gpt2(1200, 11, 1, 1, 4);
    int[] prompt = Models.tokens(Generator.ALONE + 80, 11, 1);
    Options options = options(3, SamplingOptions.GREEDY);
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Generator generator = new Generator(model)) {
      generator.submit(options.request(prompt, 0));
      Sequence equal = generator.submit(options.request(prompt, 0));
      generator.advance(); // its first part
      if (forgets) {
        HostMemory.set(model.weights().get("wte.weight"), prompt[0], 1, 3);
        generator.forget();
      } else {
        model.initialize(7);
      }
      while (generator.advance()) {}
      Sequence later = generator.submit(options.request(prompt, 0));
      while (generator.advance()) {}
      double[] alone = Result.of(model, new int[][] {prompt}, options).logProbabilities()[0];
      assertArrayEquals(alone, equal.logProbabilities(), EXACT);
      assertArrayEquals(alone, later.logProbabilities(), EXACT);
    }
  }

  @Test
  void aCopyIsAsGoodAsWhatItIsOf() {
    int[] tokens = {1, 2, 3};
    try (GPT model = Models.create(GPTConfig.gpt2(9, 11, 1, 1, 4), "cpu", DType.FLOAT32, 1);
        KeyValueCache good = new KeyValueCache(model, 3);
        KeyValueCache bad = new KeyValueCache(model, 3)) {
      good.add(tokens, 0, 3);
      bad.add(tokens, 0, 3);
      bad.expire();
      assertEquals(0, bad.common(tokens));
      bad.copy(good, 2, model.kernels());
      assertEquals(2, bad.common(tokens));
      good.expire();
      bad.copy(good, 3, model.kernels());
      assertEquals(0, bad.common(tokens));
    }
  }

  @Test
  void onlyQuantizingMakesAnotherSession() {
    int[] prompt = {1, 2, 3, 4, 5};
    try (GPT model = Models.create(Models.llama(0), "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model)) {
      generator.submit(options(3, WILD).request(prompt, 0));
      generator.advance();
      Session session = generator.session;
      train(model, prompt);
      generator.advance();
      assertSame(session, generator.session);
      model.quantize("int8");
      generator.advance();
      assertNotSame(session, generator.session);
    }
  }

  @Test
  void aPromptThatThereIsNoMemoryForFailsAlone() {
    int T = 1 << 20;
    GPTConfig config = GPTConfig.gpt2(T, 11, 1, 1, 4).with(Map.of("n_inner", 1 << 20));
    int[][] prompts = {{1, 2}, {3}};
    Options options = options(4, SamplingOptions.GREEDY);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1);
        Generator generator = new Generator(model, 4, true)) {
      Sequence before = generator.submit(options.request(prompts[0], 0));
      generator.advance();
      Sequence large = generator.submit(options.request(new int[T - 9], 0)); // 4 TB
      Sequence after = generator.submit(options.request(prompts[1], 0));
      while (generator.advance()) {}
      assertTrue(large.ended());
      assertThrows(TooLargeError.class, large::throwIfFailed);
      int[] rows = {1, 0, 4, 1, 1, 0, 1, 0, 4};
      assertArrayEquals(rows, Sequence.progress(new Sequence[] {before, large, after}));
      int[][] expected = Result.of(model, prompts, options).tokens();
      assertArrayEquals(expected, Result.of(List.of(before, after)).tokens());
    }
  }

  @Test
  void choosingAllocatesNoVocabulary() {
    int V = 100_000;
    int calls = 20;
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Memory memory = HostDevice.host().allocate(DType.FLOAT32, V)) {
      Tensor logits = Tensor.of(memory, DType.FLOAT32, 0, 1, V);
      TokenSampler sampler = new TokenSampler(V);
      SamplingOptions sampling = new SamplingOptions(0.8, V / 2, 0.9, 0, 1);
      sampler.choose(logits, 0, sampling, null, 0.5, 3);
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < calls; i++) {
        sampler.choose(logits, 0, sampling, null, 0.5, 0);
      }
      assertTrue(threads.getCurrentThreadAllocatedBytes() - before < calls * V);
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
