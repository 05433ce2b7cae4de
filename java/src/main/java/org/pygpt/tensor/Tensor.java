package org.pygpt.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A matrix or vector that is a view of {@link Memory}: rows of contiguous elements, {@code
 * rowStride} elements apart.
 *
 * <p>Leading dimensions (batch, time) are folded into rows: an activation of shape (B, T, C) is a
 * tensor of B * T rows and C columns.
 *
 * @param offset index in memory of element (0, 0), in elements
 * @param rowStride distance in elements between the starts of two neighbouring rows
 */
public record Tensor(
    Memory memory, DType dtype, long offset, int rows, int columns, int rowStride) {
  /**
   * Checks that the view lies inside its memory.
   *
   * @throws IllegalArgumentException if it does not
   */
  public Tensor {
    long length = memory.byteSize() / dtype.bytes();
    long end = offset + (long) (rows - 1) * rowStride + columns;
    if (rows < 1 || columns < 1 || rowStride < columns || offset < 0 || end > length) {
      throw new IllegalArgumentException(
          "tensor: expected a view inside "
              + length
              + " elements, got offset, rows, columns, row stride "
              + Arrays.toString(new long[] {offset, rows, columns, rowStride}));
    }
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
