package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE;
import static org.pygpt.support.Tolerances.FINITE_STEP;
import static org.pygpt.support.Tolerances.MODEL;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.graph.Step;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.Json;

/** Two stacks of blocks, the second of which attends to the first. */
class EncoderDecoderTest {
  private static final int B = 3;
  private static final int S = 5; // positions of the source
  private static final int T = 4; // and of the target
  private static final int[] LENGTHS = {5, 2, 3};
  private static final String PRE =
      """
      {"source_block_size": 5, "target_block_size": 7, "source_vocab_size": 11,
      "target_vocab_size": 7, "n_encoder_layer": 2, "n_decoder_layer": 2, "n_head": 2, "n_embd": 4,
      "n_inner": 6, "dropout": 0, "bias": true, "norm": "layernorm", "norm_order": "pre",
      "final_norm": true, "activation": "gelu", "positions": "sinusoidal", "rope_theta": 10000,
      "scale_embedding": true, "tie_weights": false, "norm_eps": 1e-5}
      """;

  /** The configuration with some values changed, name=value each. */
  private static EncoderDecoderConfig config(String changes) {
    Map<String, Object> values = new LinkedHashMap<>(Json.parseObject(PRE));
    for (String change : changes.isEmpty() ? new String[0] : changes.split(" ")) {
      String[] sides = change.split("=");
      boolean flag = sides[1].matches("true|false");
      values.put(sides[0], flag ? Boolean.parseBoolean(sides[1]) : sides[1]);
    }
    return EncoderDecoderConfig.ofJson(Json.write(values));
  }

  private static EncoderDecoder model(EncoderDecoderConfig config, String backend, DType dtype) {
    EncoderDecoder model = EncoderDecoder.create(config, backend, dtype, 2);
    Random random = new Random(5);
    model
        .weights()
        .views()
        .forEach((name, weight) -> {
          for (int row = 0; row < weight.rows(); row++) {
            weight.writeRow(
                row, random.doubles(weight.columns(), -0.7, 0.7).map(w -> w * 0.8).toArray());
          }
        });
    return model;
  }

  private static void setBatch(PairSession session) {
    Random random = new Random(7);
    session.setSources(random.ints(B * S, 0, 11).toArray());
    session.setTargets(random.ints(B * T, 0, 7).toArray(), random.ints(B * T, -1, 7).toArray());
  }

  private static Step step() {
    return new Step(B, T, false, 0).from(S, LENGTHS);
  }

  @ParameterizedTest
  @CsvSource({
    "enc, ''",
    "dec, ''",
    "none, ''",
    "none, norm_order=post tie_weights=true positions=learned",
    "none, norm_order=post final_norm=false scale_embedding=false positions=rotary",
    "none, norm=rmsnorm bias=false activation=swiglu final_norm=false tie_weights=true",
  })
  void gradientsAreFiniteDifferencesWhileAStackIsFrozen(String frozen, String changes) {
    try (EncoderDecoder model = model(config(changes), "plain", DType.FLOAT64)) {
      Layout all = model.weights().layout();
      Stream<String> names = all.shapes().keySet().stream().filter(n -> n.startsWith(frozen));
      Layout layout = all.freeze(names.toArray(String[]::new));
      HostDevice host = HostDevice.host();
      try (Parameters gradients = Parameters.trainable(host, layout, DType.FLOAT64, 1);
          PairSession session = model.training(B, S, T, gradients)) {
        setBatch(session);
        session.load(step());
        session.tape().forward(step());
        session.tape().backward(step());
        assertEquals(layout.trainable().size(), gradients.names().size());
        gradients.views().forEach((name, gradient) -> check(model, session, name, gradient));
      }
    }
  }

  private static void check(
      EncoderDecoder model, PairSession session, String name, Tensor gradient) {
    Tensor weight = model.weights().get(name);
    for (int i = 0; i < gradient.size(); i++) {
      int row = i / gradient.columns();
      int c = i % gradient.columns();
      double above = loss(session, weight, row, c, 1);
      double slope = (above - loss(session, weight, row, c, -1)) / (2 * FINITE_STEP);
      assertEquals(slope, HostMemory.get(gradient, row, c), FINITE_DIFFERENCE, name);
    }
  }

  /** The loss with one element of a weight moved. */
  private static double loss(PairSession session, Tensor weight, int row, int c, int steps) {
    HostMemory.add(weight, row, c, steps * FINITE_STEP);
    session.tape().forward(step());
    HostMemory.add(weight, row, c, -steps * FINITE_STEP);
    return session.loss();
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "nd4j"})
  void backendsGiveTheReferencesLossAndGradients(String backend) {
    Map<String, double[]> expected = gradients("plain", DType.FLOAT64);
    Map<String, double[]> got = gradients(backend, DType.FLOAT32);
    expected.forEach((name, values) -> assertArrayEquals(values, got.get(name), MODEL, name));
  }

  private static Map<String, double[]> gradients(String backend, DType dtype) {
    Map<String, double[]> found = new LinkedHashMap<>();
    try (EncoderDecoder model = model(config(""), backend, dtype)) {
      Layout layout = model.weights().layout();
      try (Parameters gradients = Parameters.trainable(model.kernels().device(), layout, dtype, 1);
          PairSession session = model.training(B, S, T, gradients)) {
        setBatch(session);
        session.load(step());
        session.tape().forward(step());
        session.tape().backward(step());
        found.put("loss", new double[] {session.loss()});
        gradients
            .views()
            .forEach((name, gradient) -> {
              double[] values = new double[gradient.columns()];
              gradient.readRow(gradient.rows() - 1, values);
              found.put(name, values);
            });
      }
    }
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "nd4j", "plain"})
  void paddingChangesNothing(String backend) {
    try (EncoderDecoder model = model(config(""), backend, DType.FLOAT32);
        PairSession session = model.evaluation(1, S, T)) {
      session.setTargets(0, 1, 2, 3);
      session.setSources(1, 2, 3, 9, 8);
      session.forward(Step.forward(1, T).from(S, new int[] {3}));
      double[] padded = new double[7];
      session.logits().readRow(T - 1, padded);
      session.setSources(1, 2, 3);
      session.forward(Step.forward(1, T).from(3, null));
      double[] alone = new double[7];
      session.logits().readRow(T - 1, alone);
      assertArrayEquals(alone, padded, MODEL);
    }
  }
}
