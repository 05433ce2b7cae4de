package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.kernels.Activation;

class GPTConfigTest {
  private static final GPTConfig BASE =
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
          5e5);

  @Test
  void namesBecomeValues() {
    String json =
        "{'block_size': 7, 'vocab_size': 11, 'n_layer': 2, 'n_head': 6, 'n_embd': 24, 'dropout':"
            + " 0.1, 'bias': true, 'norm': 'rmsnorm', 'activation': 'swiglu', 'tie_weights': false,"
            + " 'n_kv_head': 3, 'n_inner': 17, 'norm_gain': true, 'norm_eps': 1e-06, 'final_norm':"
            + " true, 'embedding_norm': false, 'positions': 'rotary', 'rope_theta': 500000.0}";
    GPTConfig config = GPTConfig.ofJson(json.replace('\'', '"'));
    assertEquals(BASE, config);
    assertEquals(BASE, GPTConfig.of(BASE.values()));
    assertEquals(6, GPTConfig.ofJson(json.replace('\'', '"').replace(": 3", ": 0")).nKvHead());
    assertEquals(96, GPTConfig.ofJson(json.replace('\'', '"').replace(": 17", ": 0")).nInner());
    assertEquals(4, config.headSize());
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
        "norm | LayerNorm | norm: expected one of layernorm, rmsnorm, got \"LayerNorm\"",
        "positions | none | positions: expected one of learned, rotary, alibi, got \"none\"",
        "activation | elu | activation: expected one of gelu, gelu_exact, relu, relu2, swiglu,"
            + " silu, quick_gelu, gelu_10, sigmoid, tanh, mish, laplace, leaky_relu, relu6,"
            + " hardswish, sqrtsoftplus, linear, gated_gelu, gated_gelu_exact, gated_relu,"
            + " gated_relu2, gated_quick_gelu, gated_gelu_10, gated_sigmoid, gated_tanh,"
            + " gated_mish, gated_laplace, gated_leaky_relu, gated_relu6, gated_hardswish,"
            + " gated_sqrtsoftplus, gated_linear, got \"elu\"",
      })
  void errorsSayWhatIsExpected(String name, String value, String message) {
    Object number = value.matches("-?\\d+") ? (Object) Integer.valueOf(value) : null;
    Object changed = number == null && value.matches("[-NI].*") ? Double.valueOf(value) : number;
    Map<String, ?> change = Map.of(name, changed == null ? value : changed);
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> BASE.with(change)).getMessage());
  }
}
