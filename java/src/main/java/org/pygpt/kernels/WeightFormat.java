package org.pygpt.kernels;

/** What the matrices of a model can be rounded to, so that generation reads fewer bytes. */
public enum WeightFormat {
  /** Whole numbers from -127 to 127 times one float32 scale for each output. */
  INT8(8),
  /** The upper half of a float32: its sign, its exponent and 8 bits of precision. */
  BFLOAT16(16);

  private final int bits;

  WeightFormat(int bits) {
    this.bits = bits;
  }

  /** Size of one number in bits. */
  public int bits() {
    return bits;
  }
}
