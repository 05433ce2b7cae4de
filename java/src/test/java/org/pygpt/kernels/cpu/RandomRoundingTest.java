package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.CounterHash;

/** Moments rounded at random: vector bodies and plain loops have the same bits. */
class RandomRoundingTest {
  private static final int N = 517;

  @Test
  void vectorsHaveTheBitsOfPlainLoops() {
    Random random = new Random(5);
    float[] m = new float[N];
    float[] v = new float[N];
    for (int i = 0; i < N; i++) {
      m[i] = (float) random.nextGaussian();
      v[i] = Float.intBitsToFloat(random.nextInt()); // infinite, denormal and NaN, too
    }
    for (long first : new long[] {0, 12345, (1L << 31) - 40, (1L << 32) - 40, 3L << 32}) {
      int key = CounterHash.key(first + 1);
      AdamStep step = new AdamStep(1, 0, 0, 1, 0, 1, 1, 1, key, first);
      for (int count : new int[] {1, 15, 16, 17, N}) {
        assertArrayEquals(
            rounded(false, step, m, v, count), rounded(true, step, m, v, count), "" + first);
      }
    }
  }

  private static byte[] rounded(boolean vectors, AdamStep step, float[] m, float[] v, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = arena.allocate(4L * N + 64, 64);
      Bfloat16.round(vectors, step, 7, m, to, 3, v, to, N + 3, count);
      return to.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
