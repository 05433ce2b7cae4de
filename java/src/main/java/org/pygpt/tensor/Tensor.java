package org.pygpt.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A matrix or vector that is a view of {@link Memory}: rows of contiguous elements, {@code
 * rowStride} elements apart.
 *
 * <p>Leading dimensions (batch, time) are folded into rows: an activation of shape (B, T, C) is a
 * tensor of B * T rows and C columns.
 */
public final class Tensor {
  private final Memory memory;
  private final DType dtype;
  private final long offset;
  private final int rows;
  private final int columns;
  private final int rowStride;

  private Tensor(Memory memory, DType dtype, long offset, int rows, int columns, int rowStride) {
    long length = memory.byteSize() / dtype.bytes();
    long end = offset + (long) (rows - 1) * rowStride + columns;
    if (rows < 1 || columns < 1 || rowStride < columns || offset < 0 || end > length) {
      throw new IllegalArgumentException(
          "tensor: expected a view inside "
              + length
              + " elements, got offset, rows, columns, row stride "
              + Arrays.toString(new long[] {offset, rows, columns, rowStride}));
    }
    this.memory = memory;
    this.dtype = dtype;
    this.offset = offset;
    this.rows = rows;
    this.columns = columns;
    this.rowStride = rowStride;
  }

  /** A dense (rows, columns) view that starts at element {@code offset}. */
  public static Tensor of(Memory memory, DType dtype, long offset, int rows, int columns) {
    return new Tensor(memory, dtype, offset, rows, columns, columns);
  }

  /** Columns [from, from + count) of every row, shared. */
  public Tensor columns(int from, int count) {
    return new Tensor(memory, dtype, offset + from, rows, count, rowStride);
  }

  /** Rows [from, from + count), shared. */
  public Tensor rows(int from, int count) {
    return new Tensor(memory, dtype, offset + (long) from * rowStride, count, columns, rowStride);
  }

  public Memory memory() {
    return memory;
  }

  public DType dtype() {
    return dtype;
  }

  /** Index in {@link #memory} of element (0, 0), in elements. */
  public long offset() {
    return offset;
  }

  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  /** Distance in elements between the starts of two neighbouring rows. */
  public int rowStride() {
    return rowStride;
  }

  /** The first {@code length} elements of a tensor without gaps, shared. */
  public Flat flat(long length) {
    if (rowStride != columns || length < 1 || length > size()) {
      throw new IllegalArgumentException(
          "length: expected 1 to " + size() + " elements without gaps, got " + length);
    }
    return new Flat(memory, dtype, offset, length);
  }

  public long size() {
    return (long) rows * columns;
  }

  /** Index in {@link #memory} of element (row, 0), in elements. */
  public long at(int row) {
    return offset + (long) row * rowStride;
  }

  /** Uploads to the elements from (row, 0) on: one row of them, or several where they are dense. */
  public void write(int row, MemorySegment from) {
    memory.write(dtype, at(row), from);
  }

  /** Downloads the elements from (row, 0) on: one row of them, or several where they are dense. */
  public void read(int row, MemorySegment to) {
    memory.read(dtype, at(row), to);
  }

  /** Uploads {@code values}, rounded to this tensor's type, to the start of a row. */
  public void writeRow(int row, double[] values) {
    MemorySegment staged = staged(row, values.length);
    for (int i = 0; i < values.length; i++) {
      dtype.set(staged, i, values[i]);
    }
    if (!staged.isNative()) {
      write(row, staged);
    }
  }

  /** Downloads the start of a row, widened. */
  public void readRow(int row, double[] to) {
    MemorySegment staged = staged(row, to.length);
    if (!staged.isNative()) {
      read(row, staged);
    }
    for (int i = 0; i < to.length; i++) {
      to[i] = dtype.get(staged, i);
    }
  }

  /** The start of a row where it lies, on the host; elsewhere room for a copy of it. */
  private MemorySegment staged(int row, int length) {
    long bytes = (long) length * dtype.bytes();
    return memory.device() == HostDevice.host()
        ? HostMemory.segment(this).asSlice(at(row) * dtype.bytes(), bytes)
        : MemorySegment.ofArray(new long[Math.toIntExact((bytes + 7) / 8)]).asSlice(0, bytes);
  }

  /** Sets every element to zero. */
  public void zero() {
    if (rowStride == columns) {
      memory.zero(dtype, offset, size());
    } else {
      for (int row = 0; row < rows; row++) {
        memory.zero(dtype, at(row), columns);
      }
    }
  }

  @Override
  public String toString() {
    return "Tensor(" + rows + ", " + columns + ") of " + dtype;
  }
}
