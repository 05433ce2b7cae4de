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

  int last() {
    return values[size - 1];
  }

  void clear() {
    size = 0;
  }

  /** Leaves out what comes after the first {@code length}. */
  void cut(int length) {
    size = length;
  }

  void add(int value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.multiplyExact(2, size));
    }
    values[size++] = value;
  }
}
