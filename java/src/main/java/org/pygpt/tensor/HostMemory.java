package org.pygpt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Mutable: memory of the host, which Java can read and write. Its static methods are the only way
 * to the elements of a tensor: who calls them works on the host alone.
 *
 * <p>Closing it frees it; a later access through {@link #segment()} throws instead of crashing.
 */
public class HostMemory extends Memory {
  private final Arena lifetime;
  private final MemorySegment segment;

  /**
   * Memory that ends with an arena.
   *
   * @param lifetime shared by nothing else
   * @param segment aligned and zeroed
   */
  HostMemory(Device device, Arena lifetime, MemorySegment segment) {
    super(device, segment.byteSize());
    this.lifetime = lifetime;
    this.segment = segment;
  }

  /**
   * The bytes, shared, native byte order.
   *
   * @throws IllegalStateException if this is closed
   */
  public MemorySegment segment() {
    if (!lifetime.scope().isAlive()) {
      throw new IllegalStateException("memory is closed: " + byteSize() + " bytes");
    }
    return segment;
  }

  /** Address of byte 0, valid until {@link #close}. */
  public long address() {
    return segment().address();
  }

  @Override
  public void write(DType dtype, long index, MemorySegment from) {
    MemorySegment.copy(from, 0, segment(), index * dtype.bytes(), from.byteSize());
  }

  @Override
  public void read(DType dtype, long index, MemorySegment to) {
    MemorySegment.copy(segment(), index * dtype.bytes(), to, 0, to.byteSize());
  }

  @Override
  public void zero(DType dtype, long index, long length) {
    segment().asSlice(index * dtype.bytes(), length * dtype.bytes()).fill((byte) 0);
  }

  @Override
  public void close() {
    if (lifetime.scope().isAlive()) {
      lifetime.close();
      Freed.count(byteSize());
    }
  }

  // ---- elements --------------------------------------------------------------------------------

  /** Element {@code index}, widened. */
  public double get(DType dtype, long index) {
    return dtype.get(segment(), index);
  }

  /** Stores {@code value}, rounded to {@code dtype}. */
  public void set(DType dtype, long index, double value) {
    dtype.set(segment(), index, value);
  }

  // ---- tensors ---------------------------------------------------------------------------------

  /**
   * The host memory of a tensor.
   *
   * @throws ClassCastException if it lies elsewhere
   */
  public static HostMemory of(Tensor tensor) {
    return (HostMemory) tensor.memory();
  }

  /** The bytes that a tensor is a view of. */
  public static MemorySegment segment(Tensor tensor) {
    return of(tensor).segment();
  }

  /** Address of element (0, 0), for native code. */
  public static long address(Tensor tensor) {
    return of(tensor).address() + tensor.offset() * tensor.dtype().bytes();
  }

  /** Element (row, column), widened. */
  public static double get(Tensor tensor, int row, int column) {
    return of(tensor).get(tensor.dtype(), tensor.at(row) + column);
  }

  /** Stores {@code value}, rounded to the tensor's type. */
  public static void set(Tensor tensor, int row, int column, double value) {
    of(tensor).set(tensor.dtype(), tensor.at(row) + column, value);
  }

  /** Adds {@code value} to element (row, column). */
  public static void add(Tensor tensor, int row, int column, double value) {
    set(tensor, row, column, get(tensor, row, column) + value);
  }
}
