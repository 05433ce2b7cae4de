package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: heap arrays that rows of tensors are copied into, computed on, and copied back from.
 *
 * <p>A loop over a {@code float[]} from index 0 is what the JIT compiles first and best; the two
 * copies cost less than one pass over the data.
 */
final class Staging {
  private final float[][] slots;

  Staging(int slots) {
    this.slots = new float[slots][0];
  }

  /** An array of at least {@code length} elements with the previous content of that slot. */
  float[] array(int slot, int length) {
    if (slots[slot].length < length) {
      slots[slot] = new float[Math.max(length, 2 * slots[slot].length)];
    }
    return slots[slot];
  }

  /** Copies rows [from, from + rows) of {@code tensor} to the start of that slot, densely. */
  float[] read(int slot, Tensor tensor, int from, int rows) {
    int columns = tensor.columns();
    float[] array = array(slot, rows * columns);
    MemorySegment memory = tensor.memory().segment();
    if (tensor.rowStride() == columns) {
      MemorySegment.copy(
          memory, ValueLayout.JAVA_FLOAT, tensor.at(from) * 4, array, 0, rows * columns);
    } else {
      for (int row = 0; row < rows; row++) {
        MemorySegment.copy(
            memory,
            ValueLayout.JAVA_FLOAT,
            tensor.at(from + row) * 4,
            array,
            row * columns,
            columns);
      }
    }
    return array;
  }

  /** Copies the start of {@code array} to rows [from, from + rows) of {@code tensor}. */
  static void write(float[] array, Tensor tensor, int from, int rows) {
    int columns = tensor.columns();
    MemorySegment memory = tensor.memory().segment();
    if (tensor.rowStride() == columns) {
      MemorySegment.copy(
          array, 0, memory, ValueLayout.JAVA_FLOAT, tensor.at(from) * 4, rows * columns);
    } else {
      for (int row = 0; row < rows; row++) {
        MemorySegment.copy(
            array,
            row * columns,
            memory,
            ValueLayout.JAVA_FLOAT,
            tensor.at(from + row) * 4,
            columns);
      }
    }
  }
}
