package org.pygpt.kernels.nd4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Memory;

/**
 * Mutable: memory that is ND4J's: one flat array for each dtype that tensors in it have, made when
 * it is first asked for. Elements of different dtypes share no bytes.
 *
 * <p>Data goes in and out by copies that ND4J makes itself, from and to arrays of the Java heap, so
 * that nothing here depends on where ND4J keeps its own.
 */
final class Nd4jMemory extends Memory {
  /** Elements that are copied at once, so that the copies between need little space. */
  private static final long PART = 1 << 20;

  private final Map<DType, INDArray> arrays = new EnumMap<>(DType.class);
  private boolean isClosed;

  Nd4jMemory(Device device, long byteSize) {
    super(device, byteSize);
  }

  /**
   * The flat array of one dtype, shared.
   *
   * @throws IllegalStateException if this is closed
   */
  synchronized INDArray array(DType dtype) {
    if (isClosed) {
      throw new IllegalStateException("memory is closed: " + byteSize() + " bytes");
    }
    return arrays.computeIfAbsent(
        dtype,
        type -> {
          try (MemoryWorkspace _ = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
            return Nd4j.create(typeOf(type), byteSize() / type.bytes());
          }
        });
  }

  private static DataType typeOf(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> DataType.FLOAT;
      case FLOAT64 -> DataType.DOUBLE;
      case BFLOAT16 -> DataType.BFLOAT16;
      case INT32 -> DataType.INT32;
      case INT8 -> DataType.INT8;
    };
  }

  /** Elements [index, index + length), shared: (1, length). */
  INDArray elements(DType dtype, long index, long length) {
    INDArray all = array(dtype);
    Objects.checkFromIndexSize(index, length, all.length());
    long[] shape = {1, length};
    return Nd4j.create(all.data(), shape, new long[] {length, 1}, index, 'c');
  }

  @Override
  public void write(DType dtype, long index, MemorySegment from) {
    long length = from.byteSize() / dtype.bytes();
    for (long start = 0; start < length; start += PART) {
      long count = Math.min(PART, length - start);
      INDArray to = elements(dtype, index + start, count);
      MemorySegment part = from.asSlice(start * dtype.bytes(), count * dtype.bytes());
      try (INDArray values = values(dtype, part)) {
        to.assign(values.reshape(1, count));
      }
    }
  }

  /** The elements of a segment as an array of their own; bfloat16 widened. */
  private static INDArray values(DType dtype, MemorySegment from) {
    return switch (dtype) {
      case FLOAT32 -> Nd4j.createFromArray(from.toArray(JAVA_FLOAT));
      case FLOAT64 -> Nd4j.createFromArray(from.toArray(JAVA_DOUBLE));
      case INT32 -> Nd4j.createFromArray(from.toArray(JAVA_INT));
      case INT8 -> Nd4j.createFromArray(from.toArray(JAVA_BYTE));
      case BFLOAT16 -> {
        short[] bits = from.toArray(JAVA_SHORT);
        float[] wide = new float[bits.length];
        for (int i = 0; i < bits.length; i++) {
          wide[i] = DType.fromBfloat16(bits[i]);
        }
        yield Nd4j.createFromArray(wide);
      }
    };
  }

  @Override
  public void read(DType dtype, long index, MemorySegment to) {
    long length = to.byteSize() / dtype.bytes();
    for (long start = 0; start < length; start += PART) {
      long count = Math.min(PART, length - start);
      INDArray from = elements(dtype, index + start, count);
      MemorySegment part = to.asSlice(start * dtype.bytes(), count * dtype.bytes());
      part.copyFrom(
          switch (dtype) {
            case FLOAT32 -> MemorySegment.ofArray(from.toFloatVector());
            case FLOAT64 -> MemorySegment.ofArray(from.toDoubleVector());
            case INT32 -> MemorySegment.ofArray(from.toIntVector());
            case INT8 -> {
              int[] wide = from.castTo(DataType.INT32).toIntVector();
              byte[] bytes = new byte[wide.length];
              for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) wide[i];
              }
              yield MemorySegment.ofArray(bytes);
            }
            case BFLOAT16 -> {
              float[] wide = from.castTo(DataType.FLOAT).toFloatVector();
              short[] bits = new short[wide.length];
              for (int i = 0; i < bits.length; i++) {
                bits[i] = DType.toBfloat16(wide[i]);
              }
              yield MemorySegment.ofArray(bits);
            }
          });
    }
  }

  @Override
  public void zero(DType dtype, long index, long length) {
    elements(dtype, index, length).assign(0);
  }

  @Override
  public synchronized void close() {
    isClosed = true;
    arrays.values().forEach(INDArray::close);
    arrays.clear();
  }
}
