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

  /** 1.5 * 2^23: a float32 of this size has a last place of 1, so that adding it rounds. */
  private static final float ROUNDING = 12582912;

  /**
   * Smallest exponent of a row's largest number that is told from 0, of its unit that of 2^-122.
   */
  private static final int LEAST_EXPONENT = -100;

  private static final double SECOND = 256;
  private static final double FIRST = 256 * 256;

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

  /** The digits of a row, the highest first, {@code plane} bytes apart. */
  static void digits(float[] x, int n, float unit, byte[] digits, int plane) {
    float inverse = 1 / unit;
    for (int i = 0; i < n; i++) {
      float rounded = x[i] * inverse + ROUNDING;
      int whole = Float.floatToRawIntBits(rounded) - Float.floatToRawIntBits(ROUNDING);
      int low = (byte) whole;
      int rest = whole - low >> 8;
      int middle = (byte) rest;
      digits[i] = (byte) (rest - middle >> 8);
      digits[plane + i] = (byte) middle;
      digits[2 * plane + i] = (byte) low;
    }
  }

  /** out[o] = the number that sums of the digits' products make, times unit and scale. */
  static void join(int[] sums, int n, float unit, float[] scales, int first, float[] out) {
    for (int o = 0; o < n; o++) {
      double sum = sums[o] * FIRST + sums[n + o] * SECOND + sums[2 * n + o];
      out[o] = (float) (sum * ((double) scales[first + o] * unit));
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
