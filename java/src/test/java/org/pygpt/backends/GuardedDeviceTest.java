package org.pygpt.backends;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.model.Session;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/** Everything that a model does works on a device whose memory the host cannot reach. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class GuardedDeviceTest {
  private static final GPTConfig CONFIG = Models.llama(0.1); // with rotary angles and dropout
  private static final int B = Models.B;
  private static final int T = Models.T;

  /** What a backend gives for the same calls. */
  private record Results(double[] losses, double[] weights, double[] outputs, int[][] tokens) {
    static Results of(String backend, String format) {
      try (GPT model = GPT.create(CONFIG, backend, DType.FLOAT32, 2)) {
        model.initialize(3);
        double[] losses = new double[3];
        Layout layout = model.weights().layout().freeze("h.0.attn.c_proj.weight");
        try (Training training = new Training(model, B, T, AdamW.NANOGPT, layout)) {
          for (int step = 0; step < losses.length; step++) {
            int[] ids = Models.tokens(B * T, Models.V, step);
            training.setBatch(ids, Models.targets(B * T, Models.V, step), B, T);
            losses[step] = training.backward(B, T);
            training.update(0.01);
          }
        }
        double[] weights = Models.values(model.weights());
        if (format != null) {
          model.quantize(format);
        }
        return new Results(losses, weights, forwards(model), generated(model));
      }
    }
  }

  private static double[] forwards(GPT model) {
    int[] ids = Models.tokens(T, Models.V, 7);
    try (Session session = model.evaluation(1, T);
        Session attention = model.attention(T)) {
      for (Session each : new Session[] {session, attention}) {
        each.setBatch(ids, ids, T);
        each.load(Step.forward(1, T));
        each.tape().forward(Step.forward(1, T));
      }
      return Stream.of(session.logits(), attention.probabilities(1))
          .map(Models::values)
          .reduce(new double[] {session.loss()}, GuardedDeviceTest::joined);
    }
  }

  private static double[] joined(double[] a, double[] b) {
    return Stream.of(a, b).flatMapToDouble(Arrays::stream).toArray();
  }

  private static int[][] generated(GPT model) {
    int[][] prompts = {{1}, {2, 3, 4}, {2, 3, 1, 2}};
    SamplingOptions sampling = new SamplingOptions(1, 0, 1, 0, 1);
    try (Generator generator = new Generator(model)) {
      List<Sequence> sequences =
          Stream.of(prompts)
              .map(prompt -> Request.seeded(prompt, 3, sampling, new int[0], 0, 5))
              .map(generator::submit)
              .toList();
      while (generator.advance()) {}
      sequences.forEach(Sequence::throwIfFailed);
      return sequences.stream().map(sequence -> sequence.tokens(0)).toArray(int[][]::new);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu"})
  void aModelNeedsNoMemoryOfTheHost(String backend) {
    for (String format : new String[] {null, "int8"}) {
      Results expected = Results.of(backend, format);
      Results got = Results.of("guarded-" + backend, format);
      assertArrayEquals(expected.losses, got.losses);
      assertArrayEquals(expected.weights, got.weights);
      assertArrayEquals(expected.outputs, got.outputs);
      assertArrayEquals(expected.tokens, got.tokens);
    }
  }

  @Test
  void theHostReachesNothing() {
    try (GPT model = GPT.create(CONFIG, "guarded-plain", DType.FLOAT32, 1)) {
      var weight = model.weights().get("wte.weight");
      for (Runnable access :
          new Runnable[] {
            () -> HostMemory.get(weight, 0, 0),
            () -> HostMemory.set(weight, 0, 0, 1),
            () -> HostMemory.segment(weight),
            () -> HostMemory.address(weight),
            () -> model.weights().flat().address()
          }) {
        assertThrows(IllegalStateException.class, access::run);
      }
      assertFalse(model.weights().flat().isHost());
    }
  }

  @Test
  void anUnknownBackendIsRefused() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Backend.named("gpu")).getMessage();
    assertEquals("backend: expected one of cpu, nd4j, plain, cuda, got gpu", message);
  }
}
