package org.pygpt.kernels;

/** What the matrices of a model can be rounded to, so that generation reads fewer bytes. */
public enum WeightFormat {
  /**
   * Whole numbers from -8 to 7 times one float16 scale for each output and {@value #GROUP}
   * neighbouring inputs, as GGUF's Q4_0 has them: its blocks and these hold the same numbers.
   */
  INT4(4),
  /** Whole numbers from -127 to 127 times one float32 scale for each output. */
  INT8(8),
  /** The upper half of a float32: its sign, its exponent and 8 bits of precision. */
  BFLOAT16(16);

  /** Inputs that share a scale in {@link #INT4}; the last group of an output may have fewer. */
  public static final int GROUP = 32;

  private final int bits;

  WeightFormat(int bits) {
    this.bits = bits;
  }

  /** How many scales an output has. */
  public int scales(int inputs) {
    return this == INT4 ? Math.ceilDiv(inputs, GROUP) : 1;
  }

  /** What a matrix that gives logits, or that tokens are looked up in, is rounded to. */
  public WeightFormat ofTokens() {
    return this == INT4 ? INT8 : this;
  }

  /** Size of one number in bits. */
  public int bits() {
    return bits;
  }
}
