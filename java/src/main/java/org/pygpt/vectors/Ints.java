package org.pygpt.vectors;

import java.util.Arrays;

/** Mutable: a list of ints that is filled and emptied again and again, and keeps its room. */
final class Ints {
  private int[] values = new int[1 << 12];
  private int size;
  private int begin;

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

  /** Adds a number, and room for how many come after it until {@link #end}. */
  void begin(int head) {
    begin = size;
    add(head);
    add(0);
  }

  /** Writes how many numbers have come since {@link #begin}; where none have, takes it back. */
  void end() {
    int count = size - begin - 2;
    if (count == 0) {
      size = begin;
    } else {
      values[begin + 1] = count;
    }
  }
}
