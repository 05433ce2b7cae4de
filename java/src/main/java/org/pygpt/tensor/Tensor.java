package org.pygpt.tensor;

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
  private final long offset;
  private final int rows;
  private final int columns;
  private final int rowStride;

  private Tensor(Memory memory, long offset, int rows, int columns, int rowStride) {
    long end = offset + (long) (rows - 1) * rowStride + columns;
    if (rows < 1 || columns < 1 || rowStride < columns || offset < 0 || end > memory.length()) {
      throw new IllegalArgumentException(
          "tensor: expected a view inside "
              + memory.length()
              + " elements, got offset, rows, columns, row stride "
              + Arrays.toString(new long[] {offset, rows, columns, rowStride}));
    }
    this.memory = memory;
    this.offset = offset;
    this.rows = rows;
    this.columns = columns;
    this.rowStride = rowStride;
  }

  /** A dense (rows, columns) view that starts at element {@code offset}. */
  public static Tensor of(Memory memory, long offset, int rows, int columns) {
    return new Tensor(memory, offset, rows, columns, columns);
  }

  /** Columns [from, from + count) of every row, shared. */
  public Tensor columns(int from, int count) {
    return new Tensor(memory, offset + from, rows, count, rowStride);
  }

  /** Rows [from, from + count), shared. */
  public Tensor rows(int from, int count) {
    return new Tensor(memory, offset + (long) from * rowStride, count, columns, rowStride);
  }

  public Memory memory() {
    return memory;
  }

  public DType dtype() {
    return memory.dtype();
  }

  /** Index in {@link #memory} of element (0, 0). */
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

  public long size() {
    return (long) rows * columns;
  }

  /** Address of element (0, 0), for native code. */
  public long address() {
    return memory.address() + offset * memory.dtype().bytes();
  }

  /** Index in {@link #memory} of element (row, 0). */
  public long at(int row) {
    return offset + (long) row * rowStride;
  }

  /** Element (row, column), widened; for references, tests and set-up. */
  public double get(int row, int column) {
    return memory.get(at(row) + column);
  }

  /** Stores {@code value}, rounded to this tensor's type. */
  public void set(int row, int column, double value) {
    memory.set(at(row) + column, value);
  }

  /** Adds {@code value} to element (row, column). */
  public void add(int row, int column, double value) {
    set(row, column, get(row, column) + value);
  }

  /** Sets every element to zero. */
  public void zero() {
    long bytes = memory.dtype().bytes();
    for (int row = 0; row < rows; row++) {
      memory.segment().asSlice(at(row) * bytes, columns * bytes).fill((byte) 0);
    }
  }

  @Override
  public String toString() {
    return "Tensor(" + rows + ", " + columns + ") of " + memory.dtype();
  }
}
