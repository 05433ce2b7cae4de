package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE_FLOAT32;
import static org.pygpt.support.Tolerances.FINITE_STEP;
import static org.pygpt.support.Tolerances.FINITE_STEP_FLOAT32;
import static org.pygpt.support.Tolerances.FLOAT64;
import static org.pygpt.support.Tolerances.MODEL;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.generate.KeyValueCache;
import org.pygpt.graph.Step;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/** Whole models: gradients against finite differences, backends and threads against each other. */
class GPTTest {
  private static final long DROPOUT_KEY = 41;

  /** The loss and the gradient of each weight. */
  private record Gradients(double loss, Map<String, double[]> byName) {
    static Gradients of(GPT model, int B, int T, int... seeds) {
      try (Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
        trainer.resume(0, DROPOUT_KEY);
        double loss = 0;
        for (int seed : seeds) {
          setBatch(trainer, model, B, T, seed);
          loss += trainer.backward(B, T);
        }
        Map<String, double[]> byName = new TreeMap<>();
        for (String name : model.weights().names()) {
          byName.put(name, Models.values(trainer.gradients().get(name)));
        }
        return new Gradients(loss, byName);
      }
    }

    void assertClose(Gradients expected, double tolerance) {
      assertEquals(expected.loss, loss, tolerance * Math.abs(expected.loss), "loss");
      assertEquals(expected.byName.keySet(), byName.keySet());
      expected.byName.forEach(
          (name, values) -> assertArraysClose(values, byName.get(name), tolerance, name));
    }
  }

  private static void setBatch(Training trainer, GPT model, int B, int T, int seed) {
    int V = model.config().vocabSize();
    trainer.setBatch(Models.tokens(B * T, V, seed), Models.targets(B * T, V, seed), B, T);
  }

  private static void assertArraysClose(
      double[] expected, double[] got, double tolerance, String what) {
    double largest = Arrays.stream(expected).map(Math::abs).max().getAsDouble();
    assertTrue(largest > 0, what + ": nothing to compare");
    assertArrayEquals(expected, got, tolerance * largest, what);
  }

  static Stream<?> configurations() {
    return Models.configurations();
  }

  /** Without ReLU: a step as long as float32 wants would cross its kinks. */
  static Stream<GPTConfig> smoothConfigurations() {
    return Stream.of(GPTConfig.gpt2(7, Models.V, 2, 3, 15), Models.llama(0), Models.llama(0.1));
  }

  // ---- gradients -------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("configurations")
  void gradientsAreFiniteDifferences(GPTConfig config) {
    int B = Models.B;
    int T = 3;
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      Gradients gradients = Gradients.of(model, B, T, 1);
      setBatch(trainer, model, B, T, 1);
      Random random = new Random(3);
      for (String name : model.weights().names()) {
        Tensor weight = model.weights().get(name);
        double[] gradient = gradients.byName.get(name);
        double largest = Arrays.stream(gradient).map(Math::abs).max().getAsDouble();
        for (int sample = 0; sample < 3; sample++) {
          int row = random.nextInt(weight.rows());
          int c = random.nextInt(weight.columns());
          assertEquals(
              slope(trainer, weight, row, c, B, T),
              gradient[row * weight.columns() + c],
              FINITE_DIFFERENCE * Math.max(1, largest),
              name + " (" + row + ", " + c + ")");
        }
      }
    }
  }

  private static double slope(Training trainer, Tensor weight, int row, int c, int B, int T) {
    double value = HostMemory.get(weight, row, c);
    HostMemory.set(weight, row, c, value + FINITE_STEP);
    double above = loss(trainer, B, T);
    HostMemory.set(weight, row, c, value - FINITE_STEP);
    double below = loss(trainer, B, T);
    HostMemory.set(weight, row, c, value);
    return (above - below) / (2 * FINITE_STEP);
  }

  private static double loss(Training trainer, int B, int T) {
    trainer.resume(0, DROPOUT_KEY);
    return trainer.backward(B, T);
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void backendsAgreeWithTheReference(GPTConfig config) {
    assertBackendsAgree(config, Models.B, Models.T);
  }

  /** Large enough for native products and for the work of more than one thread. */
  @ParameterizedTest
  @CsvSource({"gelu, layernorm, learned, 3, 0", "swiglu, rmsnorm, rotary, 1, 0.1"})
  void backendsAgreeOnALargerModel(
      String activation, String norm, String positions, int kvHeads, double dropout) {
    GPTConfig config =
        GPTConfig.gpt2(67, 101, 1, 3, 48)
            .with(
                Map.of(
                    "dropout",
                    dropout,
                    "norm",
                    norm,
                    "activation",
                    activation,
                    "n_kv_head",
                    kvHeads,
                    "n_inner",
                    131,
                    "positions",
                    positions));
    assertBackendsAgree(config, 3, 67);
  }

  private static void assertBackendsAgree(GPTConfig config, int B, int T) {
    Gradients expected;
    try (GPT reference = Models.create(config, "plain", DType.FLOAT64, 1)) {
      expected = Gradients.of(reference, B, T, 1);
    }
    List<Gradients> cpu = new ArrayList<>();
    for (int threads : new int[] {1, 2}) {
      try (GPT model = Models.create(config, "cpu", DType.FLOAT32, threads)) {
        Gradients got = Gradients.of(model, B, T, 1);
        got.assertClose(expected, MODEL);
        cpu.add(got);
      }
    }
    cpu.get(1).assertClose(cpu.get(0), MODEL);
    for (String backend : List.of("nd4j", "cuda")) {
      try (GPT model = Models.create(config, backend, DType.FLOAT32, 1)) {
        Gradients.of(model, B, T, 1).assertClose(expected, MODEL);
      }
    }
  }

  /** A card's gradient of each weight against its own loss, a step along that gradient away. */
  @ParameterizedTest
  @MethodSource("smoothConfigurations")
  void gradientsOfACardAreSlopesOfItsLoss(GPTConfig config) {
    int B = Models.B;
    int T = 3;
    try (GPT model = Models.create(config, "cuda", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      Gradients gradients = Gradients.of(model, B, T, 1);
      setBatch(trainer, model, B, T, 1);
      for (String name : model.weights().names()) {
        double[] gradient = gradients.byName.get(name);
        double length = Math.sqrt(Arrays.stream(gradient).map(g -> g * g).sum());
        double[] values = Models.values(model.weights().get(name));
        double step = FINITE_STEP_FLOAT32 / Math.max(1, length); // the loss moves by less than that
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
          double move = (1 - 2 * side) * step / length;
          double[] moved = values.clone();
          Arrays.setAll(moved, i -> values[i] + move * gradient[i]);
          set(model.weights().get(name), moved);
          losses[side] = loss(trainer, B, T);
        }
        set(model.weights().get(name), values);
        double slope = (losses[0] - losses[1]) / (2 * step);
        assertEquals(slope, length, FINITE_DIFFERENCE_FLOAT32 * Math.max(1, length), name);
      }
    }
  }

  private static void set(Tensor tensor, double[] values) {
    for (int row = 0; row < tensor.rows(); row++) {
      int from = row * tensor.columns();
      tensor.writeRow(row, Arrays.copyOfRange(values, from, from + tensor.columns()));
    }
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void gradientsOfTwoBatchesAddUp(GPTConfig config) {
    GPTConfig undropped = without(config);
    assertSumOfTwoBatches(undropped, "plain", DType.FLOAT64, FLOAT64);
    assertSumOfTwoBatches(undropped, "cpu", DType.FLOAT32, MODEL);
    assertSumOfTwoBatches(undropped, "nd4j", DType.FLOAT32, MODEL);
  }

  /** The same configuration without dropout, whose key differs from batch to batch. */
  private static GPTConfig without(GPTConfig config) {
    return config.with(Map.of("dropout", 0.0));
  }

  private static void assertSumOfTwoBatches(
      GPTConfig config, String backend, DType dtype, double tolerance) {
    try (GPT model = Models.create(config, backend, dtype, 2)) {
      Gradients first = Gradients.of(model, Models.B, Models.T, 1);
      Gradients second = Gradients.of(model, Models.B, Models.T, 2);
      Map<String, double[]> sums = new TreeMap<>();
      first.byName.forEach((name, values) -> {
        double[] sum = values.clone();
        Arrays.setAll(sum, i -> values[i] + second.byName.get(name)[i]);
        sums.put(name, sum);
      });
      Gradients.of(model, Models.B, Models.T, 1, 2)
          .assertClose(new Gradients(first.loss + second.loss, sums), tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void aSmallBatchOnALargePlanIsAsOnItsOwn(GPTConfig config) {
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 2);
        Training large = new Training(model, 3, 7, AdamW.NANOGPT)) {
      setBatch(large, model, 3, 7, 5);
      large.backward(3, 7);
      large.update(0);
      large.resume(0, DROPOUT_KEY);
      setBatch(large, model, 1, 3, 1);
      double loss = large.backward(1, 3);
      Gradients expected = Gradients.of(model, 1, 3, 1);
      assertEquals(expected.loss, loss);
      for (String name : model.weights().names()) {
        double[] got = Models.values(large.gradients().get(name));
        assertArrayEquals(expected.byName.get(name), got, name);
      }
    }
  }

  // ---- reproducibility -------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({"plain, 1", "cpu, 1", "cpu, 2", "cpu, 3", "nd4j, 1"})
  void theSameSeedAndThreadsGiveTheSameBits(String backend, int threads) {
    GPTConfig config = Models.llama(0.1);
    assertArrayEquals(trained(config, backend, threads, 7), trained(config, backend, threads, 7));
  }

  @Test
  void anotherSeedGivesAnotherModel() {
    GPTConfig config = GPTConfig.gpt2(7, 11, 1, 3, 15);
    double[] first = trained(config, "cpu", 1, 7);
    double[] second = trained(config, "cpu", 1, 8);
    assertTrue(!Arrays.equals(first, second));
  }

  /** Losses and weights of a short run. */
  private static double[] trained(GPTConfig config, String backend, int threads, long seed) {
    try (GPT model = GPT.create(config, backend, DType.FLOAT32, threads)) {
      model.initialize(seed);
      double[] losses = new double[5];
      try (Training trainer = new Training(model, Models.B, Models.T, AdamW.NANOGPT)) {
        for (int step = 0; step < losses.length; step++) {
          setBatch(trainer, model, Models.B, Models.T, step);
          losses[step] = trainer.backward(Models.B, Models.T);
          trainer.update(0.01);
        }
      }
      double[] weights = Models.values(model.weights());
      double[] all = Arrays.copyOf(losses, losses.length + weights.length);
      System.arraycopy(weights, 0, all, losses.length, weights.length);
      return all;
    }
  }

  // ---- forward ---------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("configurations")
  void aPromptAndThenTokenByTokenWithACacheGivesTheLogitsOfAllAtOnce(GPTConfig config) {
    assertCacheAgrees(config, "plain", DType.FLOAT64, FLOAT64);
    assertCacheAgrees(config, "cpu", DType.FLOAT32, MODEL);
    assertCacheAgrees(config, "nd4j", DType.FLOAT32, MODEL);
  }

  private static void assertCacheAgrees(
      GPTConfig config, String backend, DType dtype, double tolerance) {
    int T = config.blockSize();
    int[] tokens = Models.tokens(T, config.vocabSize(), 1);
    try (GPT model = Models.create(config, backend, dtype, 2);
        Session all = model.evaluation(1, T);
        Session cached = model.generation(1, T)) {
      all.setIds(tokens);
      all.tape().forward(Step.forward(1, T));
      for (int prompt : new int[] {1, 3, T}) {
        try (KeyValueCache past = new KeyValueCache(model, T)) {
          for (int t = prompt - 1; t < T; t++) {
            int[] next = Arrays.copyOfRange(tokens, past.length(), t + 1);
            cached.setIds(next);
            cached.tape().forward(Step.forward(next.length, List.of(past)));
            past.add(next, 0, next.length);
            double[] expected = Models.values(all.logits().rows(t, 1));
            double[] got = Models.values(cached.logits());
            String where = backend + " at position " + t + " after a prompt of " + prompt;
            assertArraysClose(expected, got, tolerance, where);
          }
        }
      }
    }
  }
}
