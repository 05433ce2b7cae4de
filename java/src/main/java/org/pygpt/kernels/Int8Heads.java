package org.pygpt.kernels;

/**
 * Rows of keys or values as bytes, for caches of a quarter of the size: of each head D whole
 * numbers from -127 to 127, and then their float32 scale, the largest magnitude over 127.
 */
public final class Int8Heads {
  private static final int MAX = 127;

  private Int8Heads() {}

  /** Bytes of a head in a row. */
  public static int bytes(int D) {
    return D + Float.BYTES;
  }

  /** Rounds the D numbers from x[from] on to {@code codes}; returns their scale. */
  public static float round(float[] x, int from, int D, byte[] codes) {
    float largest = 0;
    for (int d = from; d < from + D; d++) {
      largest = Math.max(largest, Math.abs(x[d])); // NaN where one is NaN
    }
    float scale = largest / MAX;
    for (int d = 0; d < D; d++) {
      codes[d] = scale == 0 ? 0 : (byte) Math.rint(x[from + d] / scale);
    }
    return scale;
  }
}
