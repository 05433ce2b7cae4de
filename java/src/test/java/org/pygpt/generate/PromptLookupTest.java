package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;

/** Guesses from what came before: fewer steps, and not a bit of difference. */
class PromptLookupTest {
  private static final int[] NO_STOPS = {};
  private static final int V = 101;
  private static final Map<String, Object> SIZES = Map.of("block_size", 50, "vocab_size", V);

  // ---- guesses ---------------------------------------------------------------------------------

  @Test
  void guessesWhatFollowedTheLastPlaceThatIsMostAlike() {
    int[] none = {};
    assertArrayEquals(none, new PromptLookup(new int[] {1, 2, 3, 4}).guess(7));
    assertArrayEquals(none, new PromptLookup(new int[] {1}).guess(7));
    assertArrayEquals(new int[] {3, 1, 2}, new PromptLookup(new int[] {1, 2, 3, 1, 2}).guess(7));
    assertArrayEquals(new int[] {1, 2, 1}, new PromptLookup(new int[] {1, 2, 1, 2}).guess(7));
    assertArrayEquals(new int[] {3}, new PromptLookup(new int[] {1, 2, 3, 1, 2}).guess(1));
    int[] twice = {9, 1, 2, 7, 8, 1, 2, 5, 9, 1, 2};
    assertArrayEquals(new int[] {7, 8, 1}, new PromptLookup(twice).guess(7));
    PromptLookup same = new PromptLookup(new int[] {4, 4});
    assertArrayEquals(none, same.guess(7));
    same.add(4);
    assertArrayEquals(new int[] {4, 4, 4}, same.guess(7));
  }

  @Test
  void guessesAsManyAsWereRight() {
    int[] prompt = new int[40];
    PromptLookup lookup = new PromptLookup(prompt);
    assertEquals(3, lookup.guess(7).length);
    lookup.learn(3, 3);
    assertEquals(7, lookup.guess(9).length);
    lookup.learn(7, 2);
    assertEquals(2, lookup.guess(7).length);
    for (int rest : new int[] {1, 2, 4, 8, 16, 32, 32}) {
      lookup.learn(1, 0);
      for (int step = 0; step < rest; step++) {
        assertEquals(0, lookup.guess(7).length);
      }
      assertEquals(1, lookup.guess(7).length);
    }
  }

  // ---- the same tokens -------------------------------------------------------------------------

  /** Requests that repeat themselves, as they may choose few tokens; four of five want guesses. */
  private static List<Request> requests(boolean lookup, boolean slides, int count) {
    List<Request> requests = new ArrayList<>();
    for (int b = 0; b < count; b++) {
      int from = 3 * b;
      int[] never = IntStream.range(0, V).filter(i -> i < from || i > from + 2).toArray();
      int[] prompt = Arrays.stream(Models.tokens(5 + b, 3, b)).map(i -> from + i).toArray();
      double penalty = b % 3 == 2 ? 1.05 : 1;
      var sampling = new SamplingOptions(b % 2 == 0 ? 0 : 0.1, 0, 0.95, 0, penalty);
      int[] stops = b % 4 == 3 ? new int[] {from} : NO_STOPS;
      Request request =
          Request.seeded(prompt, slides ? 60 : 30, sampling, stops, never, slides, 2, b);
      requests.add(request.withLookup(lookup && b % 5 != 4));
    }
    return requests;
  }

  private record Run(List<Sequence> sequences, int calls) {
    static Run of(GPT model, List<Request> requests, int atOnce, boolean exact) {
      try (Generator generator = new Generator(model, atOnce, exact)) {
        List<Sequence> sequences = requests.stream().map(generator::submit).toList();
        int calls = 1;
        while (generator.advance()) {
          calls++;
        }
        sequences.forEach(Sequence::throwIfFailed);
        return new Run(sequences, calls);
      }
    }
  }

  private static void assertSame(List<Sequence> expected, List<Sequence> got) {
    for (int b = 0; b < expected.size(); b++) {
      String what = "sequence " + b;
      assertArrayEquals(expected.get(b).tokens(0), got.get(b).tokens(0), what);
      assertArrayEquals(expected.get(b).logProbabilities(), got.get(b).logProbabilities(), what);
      assertArrayEquals(expected.get(b).topTokens(), got.get(b).topTokens(), what);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2, cpu, none, false", "gpt2, cpu, int8, false", "gpt2, cpu, bfloat16, true",
    "llama, cpu, none, false", "gpt2, nd4j, none, false", "gpt2, plain, none, true"
  })
  void theSameBitsInFewerSteps(
      String architecture, String backend, String weights, boolean slides) {
    GPTConfig gpt2 = GPTConfig.gpt2(50, V, 2, 3, 48);
    GPTConfig config = architecture.equals("gpt2") ? gpt2 : Models.llama(0).with(SIZES);
    int count = backend.equals("cpu") ? 11 : 4;
    try (GPT model = Models.create(config, backend, DType.FLOAT32, 2)) {
      if (!weights.equals("none")) {
        model.quantize(weights);
      }
      Run expected = Run.of(model, requests(false, slides, count), 1, true);
      Run alone = Run.of(model, requests(true, slides, count), 1, true);
      assertSame(expected.sequences, alone.sequences);
      double most = (model.rowsAlike() == 1 ? 1 : 0.8) * expected.calls;
      assertTrue(alone.calls <= most, alone.calls + " of " + expected.calls);
      Run together = Run.of(model, requests(true, slides, count), 4, false);
      for (int b = 0; b < count; b++) {
        assertArrayEquals(expected.sequences.get(b).tokens(0), together.sequences.get(b).tokens(0));
      }
      List<Request> group = requests(true, slides, 3);
      assertSame(expected.sequences.subList(0, 3), Run.of(model, group, 3, true).sequences);
    }
  }
}
