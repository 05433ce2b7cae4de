package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.pygpt.kernels.AdamStep;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: heap arrays of one worker that rows of tensors are copied into, computed on, and copied
 * back from. The tensors are float32, or bfloat16, which is widened, and rounded on its way back.
 *
 * <p>A loop over a {@code float[]} from index 0 is what the JIT compiles first and best; blocks are
 * small enough to stay in the first-level cache, so that the two copies cost less than one pass
 * over the data.
 */
final class Staging {
  /** Floats that a row-wise kernel stages at once. */
  static final int BLOCK = 2048;

  private final int worker;
  private final float[][] slots = new float[16][0];
  private final float[] lanes = new float[2 * VectorMath.LANES];
  private final HostMemory[] matrices = new HostMemory[2];
  private HostMemory outside;

  Staging(int worker) {
    this.worker = worker;
  }

  /** Number of the worker whose arrays these are. */
  int worker() {
    return worker;
  }

  /** An array of at least {@code length} elements with the previous content of that slot. */
  float[] array(int slot, int length) {
    if (slots[slot].length < length) {
      slots[slot] = new float[Math.max(length, 2 * slots[slot].length)];
    }
    return slots[slot];
  }

  /** Room for two sums by lane. */
  float[] lanes() {
    return lanes;
  }

  /** Memory beside the heap of one of two slots, with what was there before. */
  Tensor matrix(int slot, int rows, int columns) {
    long bytes = (long) rows * columns * Float.BYTES;
    if (matrices[slot] == null || matrices[slot].byteSize() < bytes) {
      free(slot);
      matrices[slot] = HostDevice.host().allocate(2 * bytes);
    }
    return Tensor.of(matrices[slot], DType.FLOAT32, 0, rows, columns);
  }

  private void free(int slot) {
    if (matrices[slot] != null) {
      matrices[slot].close();
      matrices[slot] = null;
    }
  }

  /** Scratch memory beside the heap of so many numbers at least. */
  HostMemory outside(int numbers) {
    if (outside == null || outside.byteSize() < (long) numbers * Float.BYTES) {
      if (outside != null) {
        outside.close();
      }
      outside = HostDevice.host().allocate(Math.max(BLOCK, 2L * numbers) * Float.BYTES);
    }
    return outside;
  }

  /** Frees what lies beside the heap. */
  void close() {
    free(0);
    free(1);
    if (outside != null) {
      outside.close();
    }
  }

  /** How many rows of {@code columns} columns are staged at once. */
  static int rowsAtOnce(int columns) {
    return Math.max(1, BLOCK / columns);
  }

  /** Copies rows [from, from + rows) of {@code tensor} to the start of that slot, densely. */
  float[] read(int slot, Tensor tensor, int from, int rows) {
    return read(slot, tensor, 0, tensor.columns(), from, rows);
  }

  /** Likewise, of columns [column, column + columns) only. */
  float[] read(int slot, Tensor tensor, int column, int columns, int from, int rows) {
    float[] array = array(slot, rows * columns);
    MemorySegment memory = HostMemory.segment(tensor);
    boolean dense = tensor.rowStride() == columns;
    int chunks = dense ? 1 : rows;
    int length = dense ? rows * columns : columns;
    for (int i = 0; i < chunks; i++) {
      load(memory, tensor.dtype(), tensor.at(from + i) + column, array, i * columns, length);
    }
    return array;
  }

  /** A vector of this length; where there is none, an array full of {@code otherwise}. */
  float[] readVector(int slot, Tensor vector, int length, float otherwise) {
    if (vector != null) {
      return read(slot, vector, 0, 1);
    }
    float[] array = array(slot, length);
    Arrays.fill(array, 0, length, otherwise);
    return array;
  }

  /** Copies elements [from, from + count) of {@code flat} to the start of that slot. */
  float[] read(int slot, Flat flat, long from, int count) {
    float[] array = array(slot, count);
    load(segment(flat), flat.dtype(), flat.from() + from, array, 0, count);
    return array;
  }

  /** Copies the start of {@code array} to rows [from, from + rows) of {@code tensor}. */
  static void write(float[] array, Tensor tensor, int from, int rows) {
    write(array, tensor, 0, tensor.columns(), from, rows);
  }

  /** Likewise, to columns [column, column + columns) only. */
  static void write(float[] array, Tensor tensor, int column, int columns, int from, int rows) {
    MemorySegment memory = HostMemory.segment(tensor);
    boolean dense = tensor.rowStride() == columns;
    int chunks = dense ? 1 : rows;
    int length = dense ? rows * columns : columns;
    for (int i = 0; i < chunks; i++) {
      store(array, i * columns, memory, tensor.dtype(), tensor.at(from + i) + column, length);
    }
  }

  /** Copies the start of {@code array} to elements [from, from + count) of {@code flat}. */
  static void write(float[] array, Flat flat, long from, int count) {
    store(array, 0, segment(flat), flat.dtype(), flat.from() + from, count);
  }

  /**
   * Copies the start of two arrays to elements [from, from + count) of the moments of AdamW, which
   * are bfloat16, rounded by random bits.
   */
  static void write(
      AdamStep step, float[] first, Flat m, float[] second, Flat v, long from, int count) {
    Bfloat16.round(
        WarmUp.isProcessRoundedReady(),
        step,
        from,
        first,
        segment(m),
        m.from() + from,
        second,
        segment(v),
        v.from() + from,
        count);
  }

  private static MemorySegment segment(Flat flat) {
    return ((HostMemory) flat.memory()).segment();
  }

  /** Copies {@code count} elements from index {@code from} on; widens those of bfloat16. */
  private static void load(
      MemorySegment memory, DType dtype, long from, float[] to, int start, int count) {
    if (dtype == DType.FLOAT32) {
      MemorySegment.copy(memory, JAVA_FLOAT, from * Float.BYTES, to, start, count);
    } else {
      requireBfloat16(dtype);
      Bfloat16.widen(WarmUp.isProcessRoundedReady(), memory, from, to, start, count);
    }
  }

  /** Copies {@code count} elements to index {@code to} on; rounds them for bfloat16. */
  private static void store(
      float[] from, int start, MemorySegment memory, DType dtype, long to, int count) {
    if (dtype == DType.FLOAT32) {
      MemorySegment.copy(from, start, memory, JAVA_FLOAT, to * Float.BYTES, count);
    } else {
      requireBfloat16(dtype);
      Bfloat16.round(WarmUp.isProcessRoundedReady(), from, start, memory, to, count);
    }
  }

  private static void requireBfloat16(DType dtype) {
    if (dtype != DType.BFLOAT16) {
      throw new IllegalArgumentException("dtype: expected float32 or bfloat16, got " + dtype);
    }
  }
}
