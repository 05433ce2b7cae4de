package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;

/** What several sequences do at once, beside what each does alone: reading prompts, choosing. */
class TogetherTest {
  private static final int COUNT = 5;
  private static final int NEW = 7;
  private static final GPTConfig CONFIG = GPTConfig.gpt2(16, 8209, 1, 1, 8);

  @AutoClose private final GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 2);
  private final List<int[]> tokens = new ArrayList<>();
  private final List<double[]> logProbabilities = new ArrayList<>();

  /** Sampled and greedy ones, with a penalty and without. */
  private static Request request(int number, DoubleSupplier uniforms) {
    double temperature = number == 2 ? 0 : 1 + number / 4.0;
    double penalty = number == 3 ? 1.2 : 1;
    var sampling = new SamplingOptions(temperature, number * 50, 1, 0, penalty);
    int[] prompt = Models.tokens(1 + number, CONFIG.vocabSize(), number);
    return new Request(prompt, NEW, sampling, new int[0], 2, uniforms);
  }

  private void generate(int atOnce, List<Request> requests) {
    generate(atOnce, false, requests);
  }

  private void generate(int atOnce, boolean exact, List<Request> requests) {
    tokens.clear();
    logProbabilities.clear();
    try (Generator generator = new Generator(model, atOnce, exact)) {
      List<Sequence> sequences = generator.submit(requests);
      while (generator.advance()) {}
      for (Sequence sequence : sequences) {
        sequence.throwIfFailed();
        tokens.add(sequence.tokens(0));
        logProbabilities.add(sequence.logProbabilities());
      }
    }
  }

  private static List<Request> withNumbersOfTheirOwn() {
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < COUNT; i++) {
      requests.add(request(i, new Random(i)::nextDouble));
    }
    return requests;
  }

  @Test
  void sequencesTogetherGetWhatTheyGetAlone() {
    generate(1, withNumbersOfTheirOwn());
    List<int[]> alone = List.copyOf(tokens);
    List<double[]> values = List.copyOf(logProbabilities);
    generate(COUNT, withNumbersOfTheirOwn());
    for (int i = 0; i < COUNT; i++) {
      assertArrayEquals(alone.get(i), tokens.get(i));
      assertArrayEquals(values.get(i), logProbabilities.get(i));
    }
  }

  /** Prompts of one length, some of them equal, and others; rounded weights have rows alike. */
  @ParameterizedTest
  @ValueSource(strings = {"float32", "int4", "int8"})
  void promptsOfOneLengthAreReadTogether(String weights) {
    if (!weights.equals("float32")) {
      model.quantize(weights);
    }
    List<int[]> alone = new ArrayList<>();
    List<double[]> values = new ArrayList<>();
    int[] lengths = {3, 3, 3, 5, 5, 3, 4, 4, 4, 4, 4, 4, 4};
    int[] seeds = {1, 2, 1, 3, 4, 5, 6, 7, 7, 8, 9, 6, 10};
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < lengths.length; i++) {
      int[] prompt = Models.tokens(lengths[i], CONFIG.vocabSize(), seeds[i]);
      requests.add(Request.seeded(prompt, NEW, SamplingOptions.GREEDY, new int[0], 0, i));
    }
    for (Request request : requests) {
      generate(1, true, List.of(request));
      alone.addAll(tokens);
      values.addAll(logProbabilities);
    }
    for (int atOnce : new int[] {2, 5, 8}) {
      generate(atOnce, true, requests);
      for (int i = 0; i < requests.size(); i++) {
        assertArrayEquals(alone.get(i), tokens.get(i));
        assertArrayEquals(values.get(i), logProbabilities.get(i));
      }
    }
  }

  /** One that is cancelled while prompts of its length are read takes none with it. */
  @Test
  void aCancelledPromptLeavesTheOthers() {
    model.quantize("int8");
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < COUNT; i++) {
      int[] prompt = Models.tokens(4, CONFIG.vocabSize(), i);
      requests.add(Request.seeded(prompt, NEW, SamplingOptions.GREEDY, new int[0], 0, i));
    }
    generate(COUNT, true, requests);
    List<int[]> expected = List.copyOf(tokens);
    for (int cancelled = 0; cancelled < 3; cancelled++) {
      try (Generator generator = new Generator(model, COUNT, true)) {
        generator.submit(requests); // for a session that can be interrupted
        while (generator.advance()) {}
        List<Sequence> sequences = generator.submit(requests);
        generator.interrupt();
        assertThrows(CancellationException.class, generator::advance);
        assertEquals(COUNT, generator.running());
        generator.cancel(sequences.get(cancelled));
        while (generator.advance()) {}
        for (int i = 0; i < COUNT; i++) {
          if (i != cancelled) {
            assertArrayEquals(expected.get(i), sequences.get(i).tokens(0));
          }
        }
        assertEquals(0, generator.running());
      }
    }
  }

  /** Those that draw from the same numbers draw in their order. */
  @Test
  void sequencesThatShareNumbersTakeTurns() {
    double[] numbers = new Random(5).doubles(COUNT * NEW).toArray();
    List<List<int[]>> runs = new ArrayList<>();
    for (int run = 0; run < 3; run++) {
      DoubleSupplier shared = Request.numbers(numbers);
      List<Request> requests = new ArrayList<>();
      for (int i = 0; i < COUNT; i++) {
        requests.add(request(4, shared));
      }
      generate(COUNT, requests);
      runs.add(List.copyOf(tokens));
    }
    assertNotEquals(Arrays.toString(tokens.get(0)), Arrays.toString(tokens.get(1)));
    for (int i = 0; i < COUNT; i++) {
      assertArrayEquals(runs.get(0).get(i), runs.get(1).get(i));
      assertArrayEquals(runs.get(0).get(i), runs.get(2).get(i));
    }
  }
}
