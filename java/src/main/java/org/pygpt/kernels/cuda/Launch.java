package org.pygpt.kernels.cuda;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: the arguments of a kernel, given one after another, and its start. One object serves all
 * kernels of a backend, one after another, and allocates nothing: the arguments are copied when a
 * kernel is started.
 */
final class Launch {
  private static final int WARP = 32;
  private static final int THREADS = 256;

  private final CudaDevice device;
  private final long[] values = new long[WorkList.MOST_NUMBERS]; // bits, the lowest first
  private final int[] firsts = new int[WorkList.MOST_NUMBERS]; // slots that parameters begin with
  private int slot;
  private int parameter;
  private Function function;

  Launch(CudaDevice device) {
    this.device = device;
  }

  /** Begins anew. */
  Launch of(Function function) {
    this.function = function;
    slot = 0;
    parameter = 0;
    return this;
  }

  private void next() {
    firsts[parameter++] = slot;
  }

  Launch add(int value) {
    next();
    values[slot++] = value & 0xffffffffL;
    return this;
  }

  Launch add(long value) {
    next();
    return append(value);
  }

  Launch add(double value) {
    next();
    values[slot++] = Float.floatToRawIntBits((float) value) & 0xffffffffL;
    return this;
  }

  Launch add(boolean value) {
    return add(value ? 1 : 0);
  }

  /** The address of a tensor, or 0 for null. */
  Launch address(Tensor tensor) {
    return add(CudaMemory.address(tensor));
  }

  /** The address of a tensor of a type that the kernel knows, and the distance of its rows. */
  Launch strided(Tensor tensor) {
    address(tensor);
    return add(tensor == null ? 0L : (long) tensor.rowStride());
  }

  /** A structure Matrix: float32 or bfloat16; all zero for null. */
  Launch matrix(Tensor tensor) {
    return structure().append(tensor);
  }

  /** Begins a structure, whose members are appended. */
  Launch structure() {
    next();
    return this;
  }

  Launch append(long value) {
    values[slot++] = value;
    return this;
  }

  Launch append(double value) {
    values[slot++] = Double.doubleToRawLongBits(value);
    return this;
  }

  /** A structure Matrix as a part of another one; all zero for null. */
  Launch append(Tensor tensor) {
    if (tensor != null && tensor.dtype() != DType.BFLOAT16 && tensor.dtype() != DType.FLOAT32) {
      throw new IllegalArgumentException(
          "dtype: expected float32 or bfloat16 on backend cuda, got " + tensor.dtype());
    }
    appendStrided(tensor);
    return append(tensor != null && tensor.dtype() == DType.BFLOAT16 ? 1L : 0L);
  }

  /** The address of a tensor and the distance of its rows as two members of a structure. */
  Launch appendStrided(Tensor tensor) {
    append(CudaMemory.address(tensor));
    return append(tensor == null ? 0L : (long) tensor.rowStride());
  }

  // ---- starts ----------------------------------------------------------------------------------

  /** Blocks of (columns, rows) threads, as many as cover all rows. */
  void overRows(long rows, int columns) {
    int width = Math.clamp(Integer.highestOneBit(Math.max(columns, 2) * 2 - 1), WARP, THREADS);
    int height = THREADS / width;
    run(Math.toIntExact(Math.ceilDiv(rows, height)), 1, 1, width, height, 0);
  }

  /** A warp for each row. */
  void warpARow(long rows) {
    int height = THREADS / WARP;
    run(Math.toIntExact(Math.ceilDiv(rows, height)), 1, 1, WARP, height, 0);
  }

  /** A thread for each element. */
  void overElements(long length) {
    run(Math.toIntExact(Math.ceilDiv(length, THREADS)), 1, 1, THREADS, 1, 0);
  }

  /** Blocks of 256 threads. */
  void blocks(int x, int y) {
    run(x, y, 1, THREADS, 1, 0);
  }

  void run(int gridX, int gridY, int gridZ, int blockX, int blockY, int sharedBytes) {
    device.launch(
        function,
        gridX,
        gridY,
        gridZ,
        blockX,
        blockY,
        sharedBytes,
        values,
        slot,
        firsts,
        parameter);
  }
}
