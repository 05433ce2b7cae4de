package org.pygpt.graph;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable until planned: room for (rows, columns) in the arena, from the first op that touches it
 * to the last. Slots whose lifetimes do not meet may lie at the same place.
 */
public final class Slot {
  private final DType dtype;
  private final int rows;
  private final int columns;
  private final int stride;
  private int first = Integer.MAX_VALUE;
  private int last = Integer.MIN_VALUE;
  private long offset = -1;
  private Tensor tensor;

  Slot(DType dtype, int rows, int columns) {
    this(dtype, rows, columns, columns);
  }

  /** Rows that lie so many elements apart. */
  Slot(DType dtype, int rows, int columns, int stride) {
    this.dtype = dtype;
    this.rows = rows;
    this.columns = columns;
    this.stride = stride;
  }

  public DType dtype() {
    return dtype;
  }

  /** Rows planned for: the largest B * T, for an activation. */
  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  /** The memory itself, once the tape is allocated. */
  public Tensor tensor() {
    return tensor;
  }

  void touch(int time) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }

  boolean isUsed() {
    return first <= last;
  }

  boolean meets(Slot other) {
    return first <= other.last && other.first <= last;
  }

  /** Size in bytes, rounded up to whole cache lines. */
  long byteSize() {
    int line = Memory.ALIGNMENT_BYTES;
    return ((long) rows * stride * dtype.bytes() + line - 1) / line * line;
  }

  /** Byte of the arena at which it begins. */
  long offset() {
    return offset;
  }

  void place(long offset) {
    this.offset = offset;
  }

  void bind(Memory arena) {
    if (isUsed()) {
      tensor = new Tensor(arena, dtype, offset / dtype.bytes(), rows, columns, stride);
    }
  }
}
