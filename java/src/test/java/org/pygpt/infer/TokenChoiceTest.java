package org.pygpt.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TokenChoiceTest {
  @Test
  void expIsThatOfJava() {
    for (double x = 0; x >= -708; x -= 0.0137) {
      double expected = Math.exp(x);
      assertEquals(expected, TokenChoice.exp(x), 1e-12 * expected);
    }
  }

  @Test
  void expOfTheLargestAndOfTheImpossible() {
    assertEquals(1, TokenChoice.exp(0));
    assertTrue(TokenChoice.exp(-720) > 0);
    assertEquals(0, TokenChoice.exp(-746));
    assertEquals(0, TokenChoice.exp(Double.NEGATIVE_INFINITY));
    assertTrue(Double.isNaN(TokenChoice.exp(Double.NaN)));
  }
}
