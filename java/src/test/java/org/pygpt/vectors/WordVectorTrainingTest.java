package org.pygpt.vectors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WordVectorTrainingTest {
  private static final int WORDS = 23;
  private static final int SIZE = 21;
  private static final int SENTENCES = 700;

  private static WordVectorConfig config(boolean skipGram, int parts, int threads, int epochs) {
    return new WordVectorConfig(
        SIZE, 3, 4, 0.05, 0.75, 0.05, 0.001, epochs, 7, skipGram, parts, threads);
  }

  private static int[] ids(int[] ends) {
    Random random = new Random(5);
    int[] ids = new int[9 * SENTENCES];
    int n = 0;
    for (int sentence = 0; sentence < SENTENCES; sentence++) {
      for (int i = random.nextInt(1, 9); i >= 0; i--) {
        ids[n++] = Math.min(random.nextInt(WORDS), random.nextInt(WORDS)); // small ones more often
      }
      ends[sentence] = n;
    }
    return Arrays.copyOf(ids, n);
  }

  private static WordVectorTraining training(WordVectorConfig config, String backend) {
    int[] ends = new int[SENTENCES];
    int[] ids = ids(ends);
    long[] counts = new long[WORDS];
    for (int id : ids) {
      counts[id]++;
    }
    return new WordVectorTraining(config, backend, ids, ends, counts);
  }

  /** Trained input vectors, then output vectors. */
  private static float[] trained(WordVectorConfig config, String backend) {
    float[] first = new float[WORDS * SIZE];
    Random random = new Random(11);
    for (int i = 0; i < first.length; i++) {
      first[i] = (random.nextFloat() - 0.5f) / 5;
    }
    try (Arena arena = Arena.ofConfined();
        WordVectorTraining training = training(config, backend)) {
      MemorySegment inputs = arena.allocateFrom(ValueLayout.JAVA_FLOAT, first);
      MemorySegment outputs = arena.allocate(inputs.byteSize(), 64);
      training.write(inputs.address(), outputs.address());
      training.run(() -> {});
      assertEquals(training.total(), training.done());
      training.read(inputs.address(), outputs.address());
      float[] all = Arrays.copyOf(inputs.toArray(ValueLayout.JAVA_FLOAT), 2 * WORDS * SIZE);
      MemorySegment.copy(outputs, ValueLayout.JAVA_FLOAT, 0, all, WORDS * SIZE, WORDS * SIZE);
      return all;
    }
  }

  @ParameterizedTest
  @CsvSource({"true, 2", "true, 3", "false, 2", "false, 3"})
  void threadsChangeNoBit(boolean skipGram, int parts) {
    float[] alone = trained(config(skipGram, parts, 1, 2), "cpu");
    for (int threads = 2; threads <= parts; threads++) {
      assertArrayEquals(alone, trained(config(skipGram, parts, threads, 2), "cpu"));
    }
    assertFalse(Arrays.equals(alone, trained(config(skipGram, parts, 1, 1), "cpu")));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theFastKernelLearnsWhatTheReferenceLearns(boolean skipGram) {
    float[] expected = trained(config(skipGram, 2, 2, 1), "plain");
    // float32 through some thousand steps
    assertArrayEquals(expected, trained(config(skipGram, 2, 2, 1), "cpu"), 1e-4f);
  }

  @Test
  void wordsAreDrawnByTheirWeight() {
    double[] weights = {1, 5, 0.5, 20, 3, 3, 0.01};
    double total = Arrays.stream(weights).sum();
    Noise noise = new Noise(weights);
    Draws draws = new Draws(3, 1);
    int[] counts = new int[weights.length];
    int n = 1_000_000;
    for (int i = 0; i < n; i++) {
      counts[noise.word(draws.bits())]++;
    }
    for (int word = 0; word < weights.length; word++) {
      double share = weights[word] / total;
      assertEquals(share * n, counts[word], 5 * Math.sqrt(n * share * (1 - share)), "word " + word);
    }
    assertEquals(0, new Noise(new double[] {2}).word(draws.bits()));
  }

  @Test
  void aTrainingEndsWhenItIsTold() {
    try (WordVectorTraining training = training(config(true, 2, 2, 1), "cpu")) {
      Runnable stop =
          () -> {
            throw new CancellationException("cancelled");
          };
      assertThrows(CancellationException.class, () -> training.run(stop));
      assertEquals(0, training.done());
    }
    assertThrows(
        IllegalArgumentException.class, () -> training(config(true, 2, 2, 1), "nd4j").close());
  }
}
