package org.pygpt.vectors;

import java.util.Arrays;

/** Mutable: a list of ints that is filled and emptied again and again, and keeps its room. */
final class Ints {
  private int[] values = new int[1 << 12];
  private int size;

  /** All of them and unused room, shared; until the next {@link #add}. */
  int[] values() {
    return values;
  }

  int size() {
    return size;
  }

  void clear() {
    size = 0;
  }

  void add(int value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.multiplyExact(2, size));
    }
    values[size++] = value;
  }

  /** Forgets the last numbers. */
  void cut(int newSize) {
    size = newSize;
  }
}
