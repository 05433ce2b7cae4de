package org.pygpt.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Locale;

/** Element types of the engine. */
public enum DType {
  FLOAT32(4),
  FLOAT64(8),
  /** The upper half of a float32: its sign, its 8 bits of exponent, 7 of the fraction. */
  BFLOAT16(2),
  /** Bytes: whole numbers, and what lies among them (see {@link org.pygpt.kernels.Int8Heads}). */
  INT8(1),
  INT32(4);

  /** Half of what bfloat16 cuts off, less one: with the last kept bit it rounds ties to even. */
  private static final int BELOW_HALF = (1 << 15) - 1;

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** The bfloat16 nearest to {@code value}, ties to even; NaN stays NaN. */
  public static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (value == value ? bits + BELOW_HALF + (bits >>> 16 & 1) >> 16 : 0x7fc0);
  }

  /**
   * One of the two bfloat16 around {@code value}: the farther from zero as often as the value is
   * nearer to it, so that the mean is the value itself; a bfloat16 stays as it is, and NaN NaN.
   *
   * @param random of which the lower 16 bits count: added to those that are cut off, they carry
   */
  public static short toBfloat16(float value, int random) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (value == value ? bits + (random & 0xffff) >> 16 : 0x7fc0);
  }

  /** The number that {@code bits} are in bfloat16. */
  public static float fromBfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Element {@code index} of bytes in native order, widened. */
  double get(MemorySegment bytes, long index) {
    return switch (this) {
      case FLOAT32 -> bytes.getAtIndex(JAVA_FLOAT_UNALIGNED, index);
      case FLOAT64 -> bytes.getAtIndex(JAVA_DOUBLE_UNALIGNED, index);
      case BFLOAT16 -> fromBfloat16(bytes.getAtIndex(JAVA_SHORT_UNALIGNED, index));
      case INT32 -> bytes.getAtIndex(JAVA_INT_UNALIGNED, index);
      case INT8 -> bytes.get(JAVA_BYTE, index);
    };
  }

  /** Stores {@code value}, rounded to this type. */
  void set(MemorySegment bytes, long index, double value) {
    switch (this) {
      case FLOAT32 -> bytes.setAtIndex(JAVA_FLOAT_UNALIGNED, index, (float) value);
      case FLOAT64 -> bytes.setAtIndex(JAVA_DOUBLE_UNALIGNED, index, value);
      case BFLOAT16 -> bytes.setAtIndex(JAVA_SHORT_UNALIGNED, index, toBfloat16((float) value));
      case INT32 -> bytes.setAtIndex(JAVA_INT_UNALIGNED, index, (int) value);
      case INT8 -> bytes.set(JAVA_BYTE, index, (byte) value);
    }
  }

  /**
   * The type called {@code name}: {@code float32}, {@code float64}, {@code bfloat16} or {@code
   * int32}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static DType of(String name) {
    for (DType type : values()) {
      if (type.toString().equals(name)) {
        return type;
      }
    }
    throw new IllegalArgumentException(
        "dtype: expected float32, float64, bfloat16 or int32, got " + name);
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
