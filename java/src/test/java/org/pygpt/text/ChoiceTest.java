package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.Activation;

class ChoiceTest {
  @ParameterizedTest
  @EnumSource(Activation.class)
  void findsEveryValueByItsName(Activation value) {
    assertSame(value, Choice.of("activation", Activation.class, Choice.name(value)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"GELU", "geluexact", " gelu", ""})
  @NullSource
  void listsTheNamesThatThereAre(String choice) {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> Choice.of("activation", Activation.class, choice))
            .getMessage();
    String names =
        "gelu, gelu_exact, relu, relu2, swiglu, silu, quick_gelu, gelu_10, sigmoid, tanh";
    assertTrue(message.startsWith("activation: expected one of " + names + ", mish, "), message);
    assertTrue(message.endsWith(", gated_linear, got " + choice), message);
  }
}
