package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SoftmaxTest {
  @Test
  void expIsThatOfJava() {
    for (double x = 0; x >= -708; x -= 0.0137) {
      double expected = Math.exp(x);
      assertEquals(expected, Softmax.exp(x), 1e-12 * expected);
    }
  }

  @Test
  void expOfTheLargestAndOfTheImpossible() {
    assertEquals(1, Softmax.exp(0));
    assertTrue(Softmax.exp(-720) > 0);
    assertEquals(0, Softmax.exp(-746));
    assertEquals(0, Softmax.exp(Double.NEGATIVE_INFINITY));
    assertTrue(Double.isNaN(Softmax.exp(Double.NaN)));
  }
}
