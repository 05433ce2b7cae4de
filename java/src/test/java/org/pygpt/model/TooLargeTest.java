package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/** Models, trainings and tapes that no machine holds are refused, with what they need at least. */
class TooLargeTest {
  private static final int LARGE = 1 << 29;

  private static void assertRefused(String what, String neededGigabytes, Executable executable) {
    String message = assertThrows(TooLargeError.class, executable).getMessage();
    String start = what + " needs at least " + neededGigabytes + " GB of memory and ";
    assertEquals(start, message.substring(0, Math.min(start.length(), message.length())));
    assertTrue(message.endsWith(" GB are available; choose smaller sizes, or end other programs"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "plain"})
  void weights(String backend) {
    // The numbers are those of Python's GPTConfig.num_parameters, times 4 or 8 bytes.
    GPTConfig wide = GPTConfig.microgpt(7, 11, 1, 1, LARGE - 1);
    DType dtype = backend.equals("cpu") ? DType.FLOAT32 : DType.FLOAT64;
    assertRefused(
        "a model of these sizes",
        backend.equals("cpu") ? "13,835,058,066.02" : "27,670,116,132.04",
        () -> GPT.create(wide, backend, dtype, 1));
    GPTConfig deep = GPTConfig.gpt2(7, 11, Integer.MAX_VALUE, 3, 24);
    assertRefused(
        "a model of these sizes",
        backend.equals("cpu") ? "62,053.69" : "124,107.37",
        () -> GPT.create(deep, backend, dtype, 1));
  }

  @Test
  void rotaryAnglesCount() {
    GPTConfig config =
        GPTConfig.gpt2(Integer.MAX_VALUE, 11, 1, 1, 512)
            .with(
                Map.of(
                    "bias",
                    false,
                    "norm",
                    "rmsnorm",
                    "activation",
                    "relu",
                    "n_inner",
                    3,
                    "norm_gain",
                    false,
                    "positions",
                    "rotary"));
    assertRefused(
        "a model of these sizes", "4,398.05", () -> GPT.create(config, "cpu", DType.FLOAT32, 1));
  }

  @Test
  void trainingAndTapes() {
    GPTConfig config = GPTConfig.gpt2(7, 11, 2, 3, 24);
    try (GPT model = GPT.create(config, "cpu", DType.FLOAT32, 1)) {
      int B = Integer.MAX_VALUE / 7;
      String batches = " on batches of " + B + " x 7 tokens";
      double bytes =
          model.activationBytes(B, 7, model.weights().layout()) + 3.0 * 4 * model.weights().count();
      String gigabytes = String.format("%,.2f", bytes / 1e9);
      assertRefused(
          "training" + batches, gigabytes, () -> new Training(model, B, 7, AdamW.NANOGPT));
      assertThrows(TooLargeError.class, () -> model.evaluation(B, 7));
      try (Session program = model.evaluation(5, 7)) {
        assertEquals(program.tape().byteSize(), model.evaluationBytes(5, 7));
      }
      assertThrows(
          IllegalArgumentException.class, () -> new Training(model, B + 1, 7, AdamW.NANOGPT));
    }
  }
}
