package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Models.B;
import static org.pygpt.support.Models.T;
import static org.pygpt.support.Models.V;
import static org.pygpt.support.Tolerances.FLOAT64;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

class TrainingTest {
  /** With dropout, so that a step that failed shows if it moved the stream of random numbers. */
  private static final GPTConfig CONFIG = Models.llama(0.1);

  private static void setBatch(Training trainer, int seed) {
    trainer.setBatch(Models.tokens(B * T, V, seed), Models.targets(B * T, V, seed), B, T);
  }

  // ---- the update ------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({"1, 0.1, 0", "1, 0.1, 0.01", "1, 0, 1000", "3, 0.1, 0.01"})
  void updatesAreAdamWs(int batches, double decay, double gradClip) {
    AdamW options = new AdamW(0.9, 0.95, 1e-8, decay, gradClip);
    GPTConfig config = GPTConfig.gpt2(7, V, 1, 3, 15); // has vectors, which are not decayed
    try (GPT model = Models.create(config, "plain", DType.FLOAT64, 1);
        Training trainer = new Training(model, B, T, options)) {
      double[] decays = decays(model.weights(), decay);
      double[] weights = Models.values(model.weights());
      double[] m = new double[weights.length];
      double[] v = new double[weights.length];
      for (int step = 1; step <= 3; step++) {
        double rate = 0.01 / step;
        for (int batch = 0; batch < batches; batch++) {
          setBatch(trainer, 10 * step + batch);
          trainer.backward(B, T);
        }
        double[] g = Models.values(trainer.gradients());
        trainer.update(rate);
        double norm = Math.sqrt(Arrays.stream(g).map(x -> x * x).sum()) / batches;
        double clip = gradClip == 0 ? 1 : Math.min(1, gradClip / (norm + 1e-6));
        for (int i = 0; i < weights.length; i++) {
          double gradient = g[i] / batches * clip;
          m[i] = 0.9 * m[i] + 0.1 * gradient;
          v[i] = 0.95 * v[i] + 0.05 * gradient * gradient;
          double mean = m[i] / (1 - Math.pow(0.9, step));
          double root = Math.sqrt(v[i] / (1 - Math.pow(0.95, step)));
          weights[i] -= rate * (mean / (root + 1e-8) + decays[i] * weights[i]);
        }
        assertArrayEquals(m, Models.values(trainer.firstMoments()), FLOAT64);
        assertArrayEquals(v, Models.values(trainer.secondMoments()), FLOAT64);
        assertArrayEquals(weights, Models.values(model.weights()), FLOAT64);
        assertEquals(gradClip == 0 ? 0 : norm, trainer.gradientNorm(), FLOAT64 * norm);
        assertEquals(step, trainer.updates());
      }
    }
  }

  /** The weight decay of each element of {@link Models#values}. */
  private static double[] decays(Parameters parameters, double decay) {
    return parameters.names().stream()
        .flatMapToDouble(name -> {
          double[] decays = new double[Math.toIntExact(parameters.get(name).size())];
          Arrays.fill(decays, parameters.isVector(name) ? 0 : decay);
          return Arrays.stream(decays);
        })
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "nd4j", "cuda"})
  void frozenWeightsKeepTheirBitsAndTheOthersMoveAsIfTheyWereAlone(String backend) {
    GPTConfig config = GPTConfig.gpt2(7, V, 2, 3, 15);
    String[] frozen = {"wte.weight", "h.0.attn.c_attn.bias", "h.1.mlp.c_fc.weight", "ln_f.bias"};
    AdamW options = new AdamW(0.9, 0.95, 1e-8, 0.1, 0.01);
    try (GPT model = Models.create(config, backend, DType.FLOAT32, 1);
        GPT other = Models.create(config, backend, DType.FLOAT32, 1);
        Training trainer =
            new Training(model, B, T, options, model.weights().layout().freeze(frozen));
        Training zeroed = new Training(other, B, T, options)) {
      for (int step = 0; step < 3; step++) {
        for (Training each : new Training[] {trainer, zeroed}) {
          setBatch(each, step);
          each.backward(B, T);
        }
        for (String name : frozen) {
          zeroed.gradients().get(name).zero();
        }
        trainer.update(0.01);
        zeroed.update(0.01);
        for (String name : frozen) { // by hand: weight decay moves what has no gradient
          copy(model.weights().get(name), other.weights().get(name));
        }
        assertEquals(zeroed.gradientNorm(), trainer.gradientNorm());
      }
      assertArrayEquals(Models.values(other.weights()), Models.values(model.weights()));
      try (GPT start = Models.create(config, backend, DType.FLOAT32, 1)) {
        for (String name : model.weights().names()) {
          double[] before = Models.values(start.weights().get(name));
          double[] after = Models.values(model.weights().get(name));
          assertEquals(Arrays.asList(frozen).contains(name), Arrays.equals(before, after), name);
        }
      }
    }
  }

  private static void copy(Tensor from, Tensor to) {
    double[] values = new double[from.columns()];
    for (int row = 0; row < from.rows(); row++) {
      from.readRow(row, values);
      to.writeRow(row, values);
    }
  }

  static Stream<Arguments> frozenSets() {
    return Stream.of("cpu", "plain", "nd4j")
        .flatMap(backend ->
            Models.configurations()
                .flatMap(config ->
                    Stream.of(".*[13579]", ".*[02468]", "w.e.*|h.0.*", "(?!.*bias).*", ".*attn.*")
                        .map(frozen -> Arguments.of(backend, config, frozen))));
  }

  @ParameterizedTest
  @MethodSource("frozenSets")
  void whatIsNotFrozenHasTheSameGradient(String backend, GPTConfig config, String pattern) {
    try (GPT model = Models.create(config, backend, DType.FLOAT32, 1)) {
      Layout all = model.weights().layout();
      List<String> names = model.weights().names();
      String[] frozen =
          names.stream()
              .filter(name -> (name + names.indexOf(name)).matches(pattern))
              .toArray(String[]::new);
      Layout layout = all.freeze(frozen);
      try (Training alone = new Training(model, B, T, AdamW.NANOGPT);
          Training trainer = new Training(model, B, T, AdamW.NANOGPT, layout)) {
        for (Training each : List.of(alone, trainer, alone, trainer)) { // accumulates the second
          setBatch(each, 1);
          each.backward(B, T);
        }
        assertEquals(names.size() - frozen.length, trainer.gradients().names().size());
        for (String name : trainer.gradients().names()) {
          double[] expected = Models.values(alone.gradients().get(name));
          assertArrayEquals(expected, Models.values(trainer.gradients().get(name)), name);
        }
        assertTrue(model.activationBytes(B, T, layout) <= model.activationBytes(B, T, all));
      }
    }
  }

  @Test
  void frozenWeightsCostNothing() {
    GPTConfig config = GPTConfig.gpt2(7, 1021, 3, 3, 48);
    try (GPT model = Models.create(config, "cpu", DType.FLOAT32, 1)) {
      Layout all = model.weights().layout();
      Layout last =
          all.freeze(
              model.weights().names().stream()
                  .filter(name -> !name.startsWith("h.2.mlp.c_proj"))
                  .toArray(String[]::new));
      try (Training trainer = new Training(model, B, T, AdamW.NANOGPT, last)) {
        assertEquals(
            List.of("h.2.mlp.c_proj.weight", "h.2.mlp.c_proj.bias"), trainer.gradients().names());
        long trained = 4L * (4 * 48 * 48 + 48);
        long blocks = 4 * 4 * 2048; // what is left of those that begin and end in frozen weights
        for (Parameters each :
            List.of(trainer.gradients(), trainer.firstMoments(), trainer.secondMoments())) {
          assertTrue(each.memory().byteSize() <= trained + blocks);
        }
        assertTrue(model.activationBytes(B, T, last) < model.activationBytes(B, T, all) / 2);
      }
    }
  }

  @Test
  void allCanBeFrozenAndUnknownNamesAreRefused() {
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1)) {
      Layout layout = model.weights().layout();
      assertThrows(IllegalArgumentException.class, () -> layout.freeze("wte.weight", "wpe"));
      Layout frozen = layout.freeze(model.weights().names().toArray(String[]::new));
      try (Training trainer = new Training(model, B, T, AdamW.NANOGPT, frozen)) {
        double[] before = Models.values(model.weights());
        steps(trainer, 0, 1);
        assertArrayEquals(before, Models.values(model.weights()));
        assertEquals(0, trainer.gradientNorm());
      }
    }
  }

  @Test
  void lossFallsOnABatchThatItSeesAgainAndAgain() {
    try (GPT model = GPT.create(GPTConfig.gpt2(7, V, 1, 3, 15), "cpu", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      model.initialize(1);
      setBatch(trainer, 1);
      double first = trainer.backward(B, T);
      assertEquals(Math.log(V), first, 0.1, "a new model finds all tokens alike");
      for (int step = 0; step < 100; step++) {
        trainer.update(0.01);
        trainer.backward(B, T);
      }
      trainer.update(0.01);
      assertTrue(trainer.backward(B, T) < 0.1 * first);
    }
  }

  // ---- failures leave everything as it was -----------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "nd4j", "cuda"})
  void aWeightThatIsNoNumberStopsTheStepBeforeItMovesAny(String backend) {
    try (GPT model = Models.create(CONFIG, backend, DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      setBatch(trainer, 1);
      for (String name : new String[] {"h.0.attn.c_attn.weight", "h.1.mlp.c_proj.weight"}) {
        double before = Models.get(model.weights().get(name), 2, 3);
        Models.set(model.weights().get(name), 2, 3, Double.NaN);
        double[] weights = Models.values(model.weights());
        String message =
            assertThrows(ArithmeticException.class, () -> trainer.backward(B, T)).getMessage();
        assertTrue(
            message.startsWith("loss: expected a finite number in step 1, got NaN"), message);
        assertThrows(IllegalStateException.class, () -> trainer.update(0.1));
        assertArrayEquals(weights, Models.values(model.weights()));
        Models.set(model.weights().get(name), 2, 3, before);
      }
      trainer.backward(B, T);
      trainer.update(0.1);
      assertTrue(Arrays.stream(Models.values(model.weights())).allMatch(Double::isFinite));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void aGradientThatIsNoNumberIsNotApplied(double wrong) {
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      double[] weights = Models.values(model.weights());
      setBatch(trainer, 1);
      trainer.backward(B, T);
      Models.set(trainer.gradients().get("wte.weight"), 2, 3, wrong);
      String message =
          assertThrows(ArithmeticException.class, () -> trainer.update(0.1)).getMessage();
      assertTrue(message.startsWith("gradient: expected a finite norm in step 1, got"), message);
      assertArrayEquals(weights, Models.values(model.weights()));
      assertArrayEquals(new double[weights.length], Models.values(trainer.firstMoments()));
      assertArrayEquals(new double[weights.length], Models.values(trainer.secondMoments()));
      assertEquals(0, trainer.updates());
      trainer.backward(B, T);
      trainer.update(0.1);
      assertTrue(Arrays.stream(Models.values(model.weights())).allMatch(Double::isFinite));
    }
  }

  /** A step that a test below makes fail. */
  private static String messageOf(Class<? extends Exception> type, Executable step) {
    return assertThrows(type, step).getMessage();
  }

  @Test
  void wrongBatchesAreRefusedAndTheRunGoesOnAsIfTheyHadNotBeen() {
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        GPT other = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT);
        Training undisturbed = new Training(other, B, T, AdamW.NANOGPT)) {
      for (int step = 0; step < 2; step++) {
        refuseWrongBatches(trainer);
        for (Training each : new Training[] {trainer, undisturbed}) {
          setBatch(each, step);
          each.backward(B, T);
          each.update(0.01);
        }
        assertArrayEquals(Models.values(other.weights()), Models.values(model.weights()));
      }
    }
  }

  private static void refuseWrongBatches(Training trainer) {
    Class<IllegalArgumentException> wrong = IllegalArgumentException.class;
    int[] ids = Models.tokens(B * T, V, 1);
    int[] targets = Models.targets(B * T, V, 1);
    for (int id : new int[] {-1, V, Integer.MAX_VALUE}) {
      int[] changed = ids.clone();
      changed[T + 2] = id;
      trainer.setBatch(changed, targets, B, T);
      assertEquals(
          "ids: expected 0 to 10 (vocab_size - 1), got " + id + " in sequence 1 at position 2",
          messageOf(wrong, () -> trainer.backward(B, T)));
    }
    int[] changed = targets.clone();
    changed[3] = V;
    trainer.setBatch(ids, changed, B, T);
    assertEquals(
        "targets: expected -1 to 10 (vocab_size - 1), got 11 in sequence 0 at position 3",
        messageOf(wrong, () -> trainer.backward(B, T)));
    assertEquals(
        "batch: expected 10 ids and targets, got 9 and 10",
        messageOf(wrong, () -> trainer.setBatch(Arrays.copyOf(ids, 9), targets, B, T)));
    assertEquals(
        "batch: expected 10 ids and targets, got 10 and 9",
        messageOf(wrong, () -> trainer.setBatch(ids, Arrays.copyOf(targets, 9), B, T)));
    for (int[] size : new int[][] {{0, 5}, {-1, 5}, {2, 0}, {1, 8}, {3, 5}, {1 << 30, 4}}) {
      String expected =
          String.format(
              "batch: expected at most 10 tokens with T from 1 to block_size = 7, got (%d, %d)",
              size[0], size[1]);
      assertEquals(
          expected, messageOf(wrong, () -> trainer.setBatch(ids, targets, size[0], size[1])));
      assertEquals(expected, messageOf(wrong, () -> trainer.backward(size[0], size[1])));
    }
    assertEquals(
        "update: expected a backward before it, got none",
        messageOf(IllegalStateException.class, () -> trainer.update(0.01)));
  }

  @Test
  void wrongPlansAreRefused() {
    try (GPT model = Models.create(CONFIG, "plain", DType.FLOAT32, 1)) {
      for (int[] size : new int[][] {{0, 5}, {2, 0}, {2, 8}}) {
        assertEquals(
            String.format(
                "batch: expected (B, T) with T from 1 to block_size = 7, got (%d, %d)",
                size[0], size[1]),
            messageOf(
                IllegalArgumentException.class,
                () -> new Training(model, size[0], size[1], AdamW.NANOGPT)));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0.9, 1e-8, 0, 0, 'beta1: expected 0 to below 1, got 1.0'",
    "0.9, -1, 1e-8, 0, 0, 'beta2: expected 0 to below 1, got -1.0'",
    "0.9, 0.9, 0, 0, 0, 'epsilon: expected more than 0, got 0.0'",
    "0.9, 0.9, 1e-8, -1, 0, 'weight_decay: expected at least 0, got -1.0'",
    "0.9, 0.9, 1e-8, 0, NaN, 'grad_clip: expected at least 0, got NaN'"
  })
  void wrongOptionsAreRefused(
      double beta1, double beta2, double epsilon, double decay, double clip, String message) {
    assertEquals(
        message,
        messageOf(
            IllegalArgumentException.class, () -> new AdamW(beta1, beta2, epsilon, decay, clip)));
  }

  // ---- stopping and resuming -------------------------------------------------------------------

  @Test
  void cancelStopsAStepAndTheNextOneRuns() {
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      double[] weights = Models.values(model.weights());
      setBatch(trainer, 1);
      trainer.cancel();
      assertThrows(CancellationException.class, () -> trainer.backward(B, T));
      assertThrows(IllegalStateException.class, () -> trainer.update(0.1));
      assertArrayEquals(weights, Models.values(model.weights()));
      trainer.backward(B, T);
      trainer.update(0.1);
      assertEquals(1, trainer.updates());
    }
  }

  @Test
  void cancelEndsTheAccumulation() {
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
      trainer.resume(0, 1);
      setBatch(trainer, 1);
      trainer.backward(B, T);
      double[] once = Models.values(trainer.gradients());
      trainer.cancel();
      assertThrows(CancellationException.class, () -> trainer.backward(B, T));
      assertThrows(IllegalStateException.class, () -> trainer.update(0.1));
      trainer.resume(0, 1);
      trainer.backward(B, T);
      assertArrayEquals(once, Models.values(trainer.gradients()));
    }
  }

  @Test
  void aResumedRunIsAsOneThatWasNotInterrupted() {
    double[] uninterrupted;
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1)) {
      try (Training trainer = new Training(model, B, T, AdamW.NANOGPT)) {
        steps(trainer, 0, 4);
      }
      uninterrupted = Models.values(model.weights());
    }
    try (GPT model = Models.create(CONFIG, "cpu", DType.FLOAT32, 1);
        Training first = new Training(model, B, T, AdamW.NANOGPT);
        Training second = new Training(model, B, T, AdamW.NANOGPT)) {
      steps(first, 0, 2);
      copy(first.firstMoments(), second.firstMoments());
      copy(first.secondMoments(), second.secondMoments());
      second.resume(first.updates(), first.dropoutKey());
      steps(second, 2, 4);
      assertArrayEquals(uninterrupted, Models.values(model.weights()));
    }
  }

  private static void steps(Training trainer, int from, int to) {
    for (int step = from; step < to; step++) {
      setBatch(trainer, step);
      trainer.backward(B, T);
      trainer.update(0.01);
    }
  }

  private static void copy(Parameters from, Parameters to) {
    ((HostMemory) to.memory()).segment().copyFrom(((HostMemory) from.memory()).segment());
  }
}
