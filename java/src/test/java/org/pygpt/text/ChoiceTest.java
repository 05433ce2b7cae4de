package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
    assertEquals(
        "activation: expected one of gelu, gelu_exact, relu, relu2, swiglu, got " + choice,
        message);
  }
}
