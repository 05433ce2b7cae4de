package org.pygpt.kernels.cpu;

import org.pygpt.tensor.DType;

/**
 * Rows of float32 numbers as sums of {@value #COUNT} terms of as few bits as the weights of a
 * product have, so that its instructions for such numbers serve, and a product has the precision of
 * float32 as before.
 *
 * <p>For int8: the whole number nearest to x / unit, of 23 bits, in digits of base 256, where the
 * unit is a power of two by the row's largest number. Sums of products of whole numbers are exact,
 * whatever their order: the same bits alone and among other rows, on every processor.
 *
 * <p>For bfloat16: the bfloat16 nearest to x, that nearest to the rest, and that nearest to what
 * then is left, 24 bits altogether.
 */
final class Terms {
  static final int COUNT = 3;

  /** Bits of the largest whole number. */
  private static final int BITS = 22;

  /**
   * Smallest exponent of a row's largest number that is told from 0, of its unit that of 2^-122.
   */
  private static final int LEAST_EXPONENT = -100;

  private static final float SECOND = 256;
  private static final float FIRST = 256 * 256;

  private Terms() {}

  /** The unit of a row: a power of two, so that its largest number has {@link #BITS} bits. */
  static float unit(float[] x, int n) {
    float largest = 0;
    for (int i = 0; i < n; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    if (!Float.isFinite(largest)) {
      return Float.NaN;
    }
    int exponent = Math.max(LEAST_EXPONENT, Math.getExponent(largest));
    return Math.scalb(1f, exponent + 1 - BITS);
  }

  /**
   * The digits of a row, the highest first, {@code plane} bytes apart; in loops of one step each,
   * of which C2 makes vectors.
   *
   * @param whole scratch space of n numbers
   */
  static void digits(float[] x, int n, float unit, int[] whole, byte[] digits, int plane) {
    float inverse = 1 / unit;
    for (int i = 0; i < n; i++) {
      whole[i] = Math.round(x[i] * inverse);
    }
    for (int term = COUNT - 1; term >= 0; term--) {
      int to = term * plane;
      for (int i = 0; i < n; i++) {
        digits[to + i] = (byte) whole[i];
      }
      for (int i = 0; i < n; i++) {
        int low = whole[i] << 24 >> 24; // as a byte has it
        whole[i] = whole[i] - low >> 8;
      }
    }
  }

  /** out[o] = the number that sums of the digits' products make, times unit and scale. */
  static void join(int[] sums, int n, float unit, float[] scales, int first, float[] out) {
    for (int o = 0; o < n; o++) {
      float scale = scales[first + o] * unit;
      float low = sums[2 * n + o] * scale;
      out[o] = Math.fma(sums[o], FIRST * scale, Math.fma(sums[n + o], SECOND * scale, low));
    }
  }

  /** The bfloat16 terms of a row, the largest first, {@code plane} numbers apart. */
  static void split(float[] x, int n, short[] terms, int plane) {
    for (int i = 0; i < n; i++) {
      float value = x[i];
      short first = DType.toBfloat16(value);
      float rest = value - DType.fromBfloat16(first);
      short second = DType.toBfloat16(rest);
      terms[i] = first;
      terms[plane + i] = second;
      terms[2 * plane + i] = DType.toBfloat16(rest - DType.fromBfloat16(second));
    }
  }

  /** out[o] = the sum of the terms' sums, the smallest first. */
  static void join(float[] sums, int n, float[] out) {
    for (int o = 0; o < n; o++) {
      out[o] = sums[2 * n + o] + sums[n + o] + sums[o];
    }
  }
}
