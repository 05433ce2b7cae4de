package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Session;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;

/** One model and many threads: each gets what it would get alone. */
class ThreadsTest {
  private static final GPTConfig CONFIG = GPTConfig.gpt2(48, 31, 2, 3, 24);
  private static final int THREADS = 8;
  private static final int[] NO_STOPS = {};

  private static GPT model(String backend) {
    GPT model = GPT.create(CONFIG, backend, DType.FLOAT32, 2);
    model.initialize(7);
    return model;
  }

  private static List<Integer> generated(Generator generator, int seed) {
    var sampling = new SamplingOptions(seed % 3 * 0.6, 0, 1, 0, 1);
    int[] prompt = Models.tokens(1 + seed % 20, 31, seed);
    Request request = Request.seeded(prompt, 1 + seed % 17, sampling, NO_STOPS, 1, seed);
    Sequence sequence = generator.submit(request);
    while (!sequence.ended()) {
      generator.advance();
    }
    sequence.throwIfFailed();
    return Arrays.stream(sequence.tokens(0)).boxed().toList();
  }

  private static double loss(GPT model, int seed) {
    int T = 1 + seed % 30;
    int[] ids = Models.tokens(T, 31, seed);
    try (Session session = model.evaluation(1, T)) {
      session.setBatch(ids, ids, T);
      session.forward(Step.forward(1, T));
      return session.loss();
    }
  }

  private static double step(Training training) {
    int[] ids = {1, 2, 3};
    try (var _ = training.turn()) {
      training.setBatch(ids, ids, 1, 3);
      double loss = training.backward(1, 3);
      training.update(1e-3);
      return loss;
    }
  }

  /** An answer that depends on the seed alone; training is of another model. */
  private static Object answer(GPT model, Generator generator, Training training, int seed) {
    return switch (seed % 3) {
      case 0 -> generated(generator, seed);
      case 1 -> loss(model, seed);
      default -> step(training) > 0;
    };
  }

  @ParameterizedTest
  @CsvSource({"cpu, 400", "nd4j, 60", "plain, 60"})
  void threadsGetWhatOneThreadGets(String backend, int calls) throws Exception {
    try (GPT model = model(backend);
        GPT other = model(backend);
        Generator generator = new Generator(model, Generator.AT_ONCE, true);
        Training training = new Training(other, 1, 3, AdamW.NANOGPT);
        ExecutorService pool = Executors.newFixedThreadPool(THREADS)) {
      List<Object> expected = new ArrayList<>();
      List<Callable<Object>> work = new ArrayList<>();
      for (int i = 0; i < calls; i++) {
        int seed = i;
        expected.add(answer(model, generator, training, seed));
        work.add(() -> answer(model, generator, training, seed));
      }
      List<Object> got = new ArrayList<>();
      for (Future<Object> future : pool.invokeAll(work)) {
        got.add(future.get());
      }
      assertEquals(expected, got);
    }
  }

  @Test
  void closingWaitsAndLaterCallsAreRefused() throws Exception {
    GPT model = model("cpu");
    Generator generator = new Generator(model, Generator.AT_ONCE, true);
    List<Object> expected = new ArrayList<>();
    List<Callable<Object>> work = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      int seed = i;
      expected.add(seed % 2 == 0 ? generated(generator, seed) : (Object) loss(model, seed));
      work.add(() -> seed % 2 == 0 ? generated(generator, seed) : (Object) loss(model, seed));
    }
    work.add(
        20,
        () -> {
          model.close();
          return null;
        });
    AtomicInteger refused = new AtomicInteger();
    try (ExecutorService pool = Executors.newFixedThreadPool(THREADS)) {
      List<Future<Object>> futures = pool.invokeAll(work);
      futures.get(20).get();
      futures.remove(20);
      for (int i = 0; i < expected.size(); i++) {
        try {
          assertEquals(expected.get(i), futures.get(i).get());
        } catch (ExecutionException error) {
          assertEquals("the model is closed; make another one", error.getCause().getMessage());
          refused.incrementAndGet();
        }
      }
    }
    assertTrue(refused.get() > 0);
    generator.close();
    model.close(); // a second time
    assertThrows(IllegalStateException.class, () -> model.initialize(1));
  }

  @Test
  void sequencesJoinWhereTheirBitsStay() {
    SamplingOptions greedy = SamplingOptions.GREEDY;
    try (GPT model = model("cpu");
        Generator generator = new Generator(model, Generator.AT_ONCE, true)) {
      Request request = new Request(new int[] {1}, 9, greedy, NO_STOPS, 0, () -> 0);
      for (int i = 0; i < 9; i++) {
        generator.submit(request);
      }
      generator.advance();
      assertEquals(8, generator.running()); // the ninth waits: nine have other bits than one
      while (generator.advance()) {}
      generator.submit(Collections.nCopies(9, request));
      Sequence alone = generator.submit(request);
      generator.advance();
      assertEquals(9, generator.running()); // together they run as they would alone
      while (generator.running() == 9) {
        generator.advance();
        assertEquals(0, alone.length());
      }
      while (generator.advance()) {}
      assertEquals(9, alone.length());
      assertEquals(0, generator.cacheBytes());
    }
  }
}
