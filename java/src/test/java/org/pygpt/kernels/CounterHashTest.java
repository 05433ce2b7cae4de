package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.pygpt.tensor.DType;

/** Random words by number, and rounding by them. */
class CounterHashTest {
  @Test
  void manyWordsAreThoseOfEach() {
    int key = CounterHash.key(3);
    for (long first : new long[] {0, 5, (1L << 31) - 9, (1L << 32) - 9, 7L << 32}) {
      int[] words = new int[20];
      CounterHash.words(key, first, words, 17);
      for (int i = 0; i < 17; i++) {
        assertEquals(CounterHash.word(key, first + i), words[i]);
      }
      assertEquals(0, words[17]);
    }
    assertNotEquals(CounterHash.word(key, 1), CounterHash.word(key, 1 + (1L << 32)));
    assertNotEquals(CounterHash.key(1), CounterHash.key(1L << 32));
  }

  @Test
  void roundingKeepsTheMean() {
    for (float x : new float[] {1.001f, -3.1f, 1e-3f, 77.7f, -2e-39f}) {
      double sum = 0;
      int n = 1 << 16;
      for (int random = 0; random < n; random++) {
        sum += DType.fromBfloat16(DType.toBfloat16(x, random << 16 | random));
      }
      assertEquals(x, sum / n, Math.abs(x) * 1e-9);
    }
  }

  @Test
  void whatIsRoundStaysAsItIs() {
    float[] round = {0, -0f, 1, -1.5f, 0x1.fep127f, Float.MIN_NORMAL, Float.NEGATIVE_INFINITY};
    for (float x : round) {
      for (int random : new int[] {0, 1, 0x8000, 0xffff, -1}) {
        float got = DType.fromBfloat16(DType.toBfloat16(x, random));
        assertEquals(Float.floatToRawIntBits(x), Float.floatToRawIntBits(got));
      }
    }
    float nan = Float.intBitsToFloat(0x7fffffff); // which a carry would make a zero
    assertTrue(Float.isNaN(DType.fromBfloat16(DType.toBfloat16(nan, 0xffff))));
  }
}
