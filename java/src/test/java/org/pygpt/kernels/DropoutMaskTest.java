package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DropoutMaskTest {
  private static final int COUNT = 1_000_003;

  /** Standard deviations that a count may be from its mean: chance exceeds it once in 10^9. */
  private static final double SIGMAS = 6;

  private static boolean[] kept(DropoutMask mask, long key, long from, long stride) {
    mask.setKey(key);
    boolean[] kept = new boolean[COUNT];
    for (int i = 0; i < COUNT; i++) {
      float factor = mask.factor(from + i * stride);
      kept[i] = factor != 0;
      assertEquals(kept[i] ? mask.scale() : 0, factor);
    }
    return kept;
  }

  private static void assertShare(double expected, int count, String what) {
    double deviation = Math.sqrt(expected * (1 - expected) / COUNT);
    assertEquals(expected, (double) count / COUNT, SIGMAS * deviation, what);
  }

  private static int count(boolean[] kept, boolean[] other) {
    int count = 0;
    for (int i = 0; i < COUNT; i++) {
      count += kept[i] && other[i] ? 1 : 0;
    }
    return count;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.01, 0.1, 0.5, 0.9})
  void dropsTheGivenShareIndependently(double probability) {
    DropoutMask mask = new DropoutMask(probability);
    double keep = 1 - probability;
    boolean[] first = kept(mask, 1, 0, 1);
    assertShare(keep, count(first, first), "kept");
    // Pairs are kept with probability keep^2 if their members do not depend on each other.
    assertShare(keep * keep, count(first, kept(mask, 1, 1, 1)), "kept with the next element");
    assertShare(keep * keep, count(first, kept(mask, 1, 64, 1)), "kept with the next row");
    assertShare(keep * keep, count(first, kept(mask, 2, 0, 1)), "kept with the next key");
    assertShare(keep * keep, count(first, kept(mask, 1L << 32, 0, 1)), "kept with a distant key");
    assertShare(keep * keep, count(first, kept(mask, 1, 1L << 32, 1)), "kept with 2^32 further on");
    boolean[] columns = kept(mask, 1, 7, 64);
    assertShare(keep, count(columns, columns), "kept of one column");
  }

  @Test
  void sameKeyGivesTheSameMask() {
    DropoutMask mask = new DropoutMask(0.3);
    boolean[] first = kept(mask, -5, 0, 1);
    kept(mask, 6, 0, 1);
    assertArrayEquals(first, kept(mask, -5, 0, 1));
    assertArrayEquals(first, kept(new DropoutMask(0.3), -5, 0, 1));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5, 0.9})
  void scaleKeepsTheMean(double probability) {
    assertEquals((float) (1 / (1 - probability)), new DropoutMask(probability).scale());
  }
}
