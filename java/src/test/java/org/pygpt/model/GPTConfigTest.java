package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.kernels.Activation;

class GPTConfigTest {
  /** Arguments of the configuration that each error below changes one of, as Python names them. */
  private static GPTConfig config(String changed, String value) {
    return GPTConfig.of(
        integer(changed, value, "block_size", 7),
        integer(changed, value, "vocab_size", 11),
        integer(changed, value, "n_layer", 2),
        integer(changed, value, "n_head", 6),
        integer(changed, value, "n_embd", 24),
        number(changed, value, "dropout", 0.1),
        true,
        text(changed, value, "norm", "rmsnorm"),
        text(changed, value, "activation", "swiglu"),
        false,
        integer(changed, value, "n_kv_head", 3),
        integer(changed, value, "n_inner", 17),
        true,
        number(changed, value, "norm_eps", 1e-6),
        true,
        false,
        text(changed, value, "positions", "rotary"),
        number(changed, value, "rope_theta", 5e5));
  }

  private static int integer(String changed, String value, String name, int usual) {
    return changed.equals(name) ? Integer.parseInt(value) : usual;
  }

  private static double number(String changed, String value, String name, double usual) {
    return changed.equals(name) ? Double.parseDouble(value) : usual;
  }

  private static String text(String changed, String value, String name, String usual) {
    return changed.equals(name) ? value : usual;
  }

  @Test
  void namesBecomeValues() {
    GPTConfig config = config("", "");
    assertEquals(
        new GPTConfig(
            7,
            11,
            2,
            6,
            24,
            0.1,
            true,
            GPTConfig.Norm.RMSNORM,
            Activation.SWIGLU,
            false,
            3,
            17,
            true,
            1e-6,
            true,
            false,
            GPTConfig.Positions.ROTARY,
            5e5),
        config);
    assertEquals(4, config.headSize());
    assertEquals((6 + 2 * 3) * 4, config.qkvWidth());
    assertEquals(false, config.normBias(), "RMSNorm has no bias");
    assertEquals(true, GPTConfig.gpt2(7, 11, 2, 3, 12).normBias());
    assertEquals(false, GPTConfig.microgpt(7, 11, 2, 3, 12).normBias());
  }

  @Test
  void anInnerWidthThatIsNoIntIsRefused() {
    assertEquals(2147483644, GPTConfig.feedForwardWidth(536870911));
    assertEquals(
        "n_embd: expected at most 536870911 where n_inner is 4 * n_embd, got 536870912",
        assertThrows(IllegalArgumentException.class, () -> GPTConfig.gpt2(7, 11, 2, 1, 536870912))
            .getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "block_size | 0 | block_size: expected at least 1, got 0",
        "vocab_size | -1 | vocab_size: expected at least 1, got -1",
        "n_layer | 0 | n_layer: expected at least 1, got 0",
        "n_head | 0 | n_head: expected at least 1, got 0",
        "n_embd | 0 | n_embd: expected at least 1, got 0",
        "n_kv_head | 0 | n_kv_head: expected at least 1, got 0",
        "n_inner | 0 | n_inner: expected at least 1, got 0",
        "n_embd | 25 | n_embd: expected a multiple of n_head = 6, got 25",
        "n_kv_head | 4 | n_kv_head: expected a divisor of n_head = 6, got 4",
        "n_embd | 18 | n_embd: expected an even head size n_embd / n_head for rotary positions, got"
            + " 18 / 6",
        "dropout | 1 | dropout: expected a number in [0, 1), got 1.0",
        "dropout | -1e-7 | dropout: expected a number in [0, 1), got -1.0E-7",
        "dropout | NaN | dropout: expected a number in [0, 1), got NaN",
        "norm_eps | 0 | norm_eps: expected a finite number above 0, got 0.0",
        "rope_theta | Infinity | rope_theta: expected a finite number above 1, got Infinity",
        "rope_theta | 1 | rope_theta: expected a finite number above 1, got 1.0",
        "norm | LayerNorm | norm: expected one of layernorm, rmsnorm, got LayerNorm",
        "positions | none | positions: expected one of learned, rotary, got none",
        "activation | silu | activation: expected one of gelu, gelu_exact, relu, relu2, swiglu, got"
            + " silu",
      })
  void errorsSayWhatIsExpected(String name, String value, String message) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> config(name, value)).getMessage());
  }
}
