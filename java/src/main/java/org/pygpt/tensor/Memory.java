package org.pygpt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Mutable: one flat off-heap array that an ND4J array owns, aligned to 64 bytes and zeroed.
 *
 * <p>Everything that the engine computes with lies in a few of these: all parameters in one, all
 * gradients in one, each of Adam's moments, all activations. Tensors are views of it. Closing it
 * frees the ND4J array; a later access through {@link #segment()} throws instead of crashing. The
 * segment keeps the ND4J array: without a reference to it the garbage collector would free it.
 */
public final class Memory implements AutoCloseable {
  /** Cache-line size, and the widest vector register, in bytes. */
  public static final int ALIGNMENT_BYTES = 64;

  private final DType dtype;
  private final long length;
  private final INDArray owner;
  private final long firstElement;
  private final Arena lifetime = Arena.ofShared();
  private final MemorySegment segment;

  @SuppressWarnings("restricted") // the address is that of an array we own
  private Memory(DType dtype, long length) {
    this.dtype = dtype;
    this.length = length;
    long slack = ALIGNMENT_BYTES / dtype.bytes();
    owner = Nd4j.createUninitialized(dtype.nd4j(), new long[] {length + slack}, 'c');
    long start = owner.data().address();
    long aligned = (start + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    firstElement = (aligned - start) / dtype.bytes();
    segment =
        MemorySegment.ofAddress(aligned)
            .reinterpret(length * dtype.bytes(), lifetime, unused -> owner.close());
    HugePages.zero(segment);
  }

  /**
   * Allocates {@code length} zeros.
   *
   * @throws IllegalArgumentException if length is not positive
   * @throws OutOfMemoryError if the system has no room for it; the message says how much was asked
   */
  public static Memory allocate(DType dtype, long length) {
    if (length <= 0) {
      throw new IllegalArgumentException("length: expected at least 1, got " + length);
    }
    return new Memory(dtype, length);
  }

  public DType dtype() {
    return dtype;
  }

  /** Number of elements. */
  public long length() {
    return length;
  }

  public long byteSize() {
    return length * dtype.bytes();
  }

  /** Address of element 0, valid until {@link #close}. */
  public long address() {
    return segment().address();
  }

  /**
   * The bytes of this array, shared, native byte order.
   *
   * @throws IllegalStateException if it is closed
   */
  public MemorySegment segment() {
    if (!lifetime.scope().isAlive()) {
      throw new IllegalStateException("memory is closed: " + length + " x " + dtype);
    }
    return segment;
  }

  /** The ND4J buffer that owns the bytes; element 0 of this array is at {@link #firstElement}. */
  public DataBuffer buffer() {
    return owner.data();
  }

  /** Index in {@link #buffer} of element 0: what alignment skips. */
  public long firstElement() {
    return firstElement;
  }

  /** Element {@code index}, widened; for references, tests and set-up. */
  public double get(long index) {
    return switch (dtype) {
      case FLOAT32 -> segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
      case FLOAT64 -> segment().getAtIndex(ValueLayout.JAVA_DOUBLE, index);
      case INT32 -> segment().getAtIndex(ValueLayout.JAVA_INT, index);
    };
  }

  /** Fills {@code to} with the elements from {@code index} on, widened. */
  public void get(long index, double[] to) {
    MemorySegment elements = segment();
    switch (dtype) {
      case FLOAT32 -> {
        for (int i = 0; i < to.length; i++) {
          to[i] = elements.getAtIndex(ValueLayout.JAVA_FLOAT, index + i);
        }
      }
      case FLOAT64 ->
          MemorySegment.copy(elements, ValueLayout.JAVA_DOUBLE, index * 8, to, 0, to.length);
      case INT32 -> {
        for (int i = 0; i < to.length; i++) {
          to[i] = elements.getAtIndex(ValueLayout.JAVA_INT, index + i);
        }
      }
    }
  }

  /** Stores {@code value}, rounded to this memory's type. */
  public void set(long index, double value) {
    switch (dtype) {
      case FLOAT32 -> segment().setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
      case FLOAT64 -> segment().setAtIndex(ValueLayout.JAVA_DOUBLE, index, value);
      case INT32 -> segment().setAtIndex(ValueLayout.JAVA_INT, index, (int) value);
    }
  }

  /** Sets every byte to zero. */
  public void zero() {
    segment().fill((byte) 0);
  }

  @Override
  public void close() {
    if (lifetime.scope().isAlive()) {
      lifetime.close();
    }
  }
}
