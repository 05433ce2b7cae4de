package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Models.B;
import static org.pygpt.support.Models.T;
import static org.pygpt.support.Models.V;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.support.Models;
import org.pygpt.support.Tolerances;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/** Training with bfloat16 products and activations, beside the same without rounding. */
class Bfloat16TrainingTest {
  private static boolean cpuHasIt() {
    try (Kernels kernels = Backend.CPU.kernels(DType.FLOAT32, 1)) {
      kernels.requireBfloat16();
      return true;
    } catch (IllegalArgumentException refusal) {
      return false;
    }
  }

  /** Loss and gradients of one batch, in the order of the weights' names. */
  private static double[] gradients(GPTConfig config, String backend, DType model, DType dtype) {
    try (GPT gpt = Models.create(config, backend, model, 2)) {
      shrink(gpt);
      Layout layout = gpt.weights().layout();
      try (Training training = new Training(gpt, B, T, AdamW.NANOGPT, layout, dtype)) {
        int[] targets = Models.targets(B * T, V, 3);
        training.setBatch(Models.tokens(B * T, V, 3), targets, B, T);
        double loss = training.backward(B, T);
        double[] gradients = Models.values(training.gradients());
        double[] all = new double[gradients.length + 1];
        all[0] = loss;
        System.arraycopy(gradients, 0, all, 1, gradients.length);
        return all;
      }
    }
  }

  /** Takes a quarter of matrices that are large, so that no softmax is steep. */
  private static void shrink(GPT gpt) {
    for (String name : gpt.weights().names()) {
      Tensor tensor = gpt.weights().get(name);
      double[] row = new double[tensor.columns()];
      for (int i = 0; i < tensor.rows() && !gpt.weights().isVector(name); i++) {
        tensor.readRow(i, row);
        tensor.writeRow(i, Arrays.stream(row).map(x -> x / 4).toArray());
      }
    }
  }

  /** How far apart two gradients are: the length of their difference over that of the first. */
  private static double distance(double[] expected, double[] got) {
    double difference = 0;
    double length = 0;
    for (int i = 1; i < expected.length; i++) {
      difference += (got[i] - expected[i]) * (got[i] - expected[i]);
      length += expected[i] * expected[i];
    }
    return Math.sqrt(difference / length);
  }

  @ParameterizedTest
  @MethodSource("org.pygpt.support.Models#configurations")
  void roundingIsAllThatDiffers(GPTConfig config) {
    double[] exact = gradients(config, "plain", DType.FLOAT64, DType.FLOAT64);
    double[] plain = gradients(config, "plain", DType.FLOAT32, DType.BFLOAT16);
    assertEquals(exact[0], plain[0], Tolerances.BFLOAT16_MODEL * Math.abs(exact[0]));
    assertTrue(distance(exact, plain) <= Tolerances.BFLOAT16_MODEL, "" + distance(exact, plain));
    for (String backend : cpuHasIt() ? List.of("cpu", "cuda") : List.of("cuda")) {
      double[] got = gradients(config, backend, DType.FLOAT32, DType.BFLOAT16);
      assertEquals(plain[0], got[0], Tolerances.BFLOAT16_MODEL * Math.abs(exact[0]));
      double far = distance(exact, got);
      assertTrue(far <= Tolerances.BFLOAT16_MODEL, backend + ": " + far);
    }
  }

  @Test
  void weightsStayFloat32AndAreReadAnewInEachStep() {
    String backend = cpuHasIt() ? "cpu" : "plain";
    try (GPT model = Models.create(Models.llama(0), backend, DType.FLOAT32, 2)) {
      Layout layout = model.weights().layout();
      AdamW options = AdamW.NANOGPT;
      try (Training training = new Training(model, B, T, options, layout, DType.BFLOAT16)) {
        training.setBatch(Models.tokens(B * T, V, 5), Models.tokens(B * T, V, 6), B, T);
        double[] losses = new double[20];
        for (int step = 0; step < losses.length; step++) {
          losses[step] = training.backward(B, T);
          training.update(1e-4); // a quarter of what bfloat16 keeps of a weight of 0.3
        }
        assertTrue(losses[19] < 0.99 * losses[0], losses[0] + " to " + losses[19]);
        Models.set(model.weights().get("lm_head.weight"), 0, 0, 100);
        double changed = training.backward(B, T);
        assertTrue(Math.abs(changed - losses[19]) > 0.1, "" + changed);
      }
    }
  }

  @Test
  void activationsTakeLessAndAccumulationAdds() {
    try (GPT model = Models.create(Models.llama(0), "plain", DType.FLOAT32, 1)) {
      Layout layout = model.weights().layout();
      long wide = model.activationBytes(B, T, layout);
      assertTrue(model.activationBytes(B, T, layout, DType.BFLOAT16) < wide);
      AdamW options = AdamW.NANOGPT;
      try (Training training = new Training(model, B, T, options, layout, DType.BFLOAT16)) {
        training.setBatch(Models.tokens(B * T, V, 5), Models.tokens(B * T, V, 6), B, T);
        training.backward(B, T);
        double[] once = Models.values(training.gradients());
        training.backward(B, T);
        double[] twice = Models.values(training.gradients());
        for (int i = 0; i < once.length; i++) {
          once[i] *= 2;
        }
        assertArrayEquals(once, twice, Tolerances.MODEL);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nd4j", "float64"})
  void whatCannotBeIsRefused(String what) {
    boolean nd4j = what.equals("nd4j");
    try (GPT model = Models.create(Models.llama(0), nd4j ? "nd4j" : "plain", DType.FLOAT32, 1)) {
      Layout layout = model.weights().layout();
      DType dtype = nd4j ? DType.BFLOAT16 : DType.FLOAT64;
      IllegalArgumentException error =
          assertThrows(
              IllegalArgumentException.class,
              () -> new Training(model, B, T, AdamW.NANOGPT, layout, dtype));
      assertTrue(error.getMessage().startsWith("dtype: expected"), error.getMessage());
    }
  }
}
