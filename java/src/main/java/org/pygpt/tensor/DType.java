package org.pygpt.tensor;

import org.nd4j.linalg.api.buffer.DataType;

/** Element types of the engine, with their size and ND4J's name for them. */
public enum DType {
  FLOAT32(4, DataType.FLOAT),
  FLOAT64(8, DataType.DOUBLE),
  INT32(4, DataType.INT32);

  private final int bytes;
  private final DataType nd4j;

  DType(int bytes, DataType nd4j) {
    this.bytes = bytes;
    this.nd4j = nd4j;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** The same type in ND4J. */
  public DataType nd4j() {
    return nd4j;
  }

  /**
   * The type called {@code name}: {@code float32}, {@code float64} or {@code int32}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static DType of(String name) {
    for (DType type : values()) {
      if (type.toString().equals(name)) {
        return type;
      }
    }
    throw new IllegalArgumentException("dtype: expected float32, float64 or int32, got " + name);
  }

  @Override
  public String toString() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
