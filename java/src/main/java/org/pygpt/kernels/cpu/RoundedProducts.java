package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.pygpt.kernels.cpu.TileCode.WIDTH;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: products of many rows with a {@link CodedMatrix}, by oneDNN. What the weights are
 * multiplied by is rounded as they are: to bfloat16, or to whole numbers from -127 to 127 times a
 * scale for each row. Dettmers et al., "LLM.int8()", 2022, have the latter (their section 2).
 */
final class RoundedProducts implements AutoCloseable {
  /** Rows that are multiplied at once; the last ones are filled up to a multiple of STEP. */
  private static final int BLOCK = 256;

  private static final int STEP = 64;

  /** Bytes of the weights that are multiplied at once: the core's cache keeps them. */
  private static final int PART_BYTES = 384 << 10;

  private final Workers workers;
  private final Map<Shape, OneDnnProduct> products = new HashMap<>();
  private final HostMemory[] sums; // (BLOCK, width) of each worker
  private final byte[][] bytes;
  private final int[][] whole;
  private HostMemory rounded; // the rows of x
  private float[] scales = new float[0]; // of the rows of x

  private record Shape(WeightFormat format, int rows, int inputs, int outputs, int stride) {}

  RoundedProducts(Workers workers) {
    this.workers = workers;
    sums = new HostMemory[workers.size()];
    bytes = new byte[workers.size()][0];
    whole = new int[workers.size()][0];
  }

  /** Whether this processor has instructions for products of a format. */
  static boolean has(WeightFormat format) {
    return switch (format) {
      case INT4 -> false;
      case INT8 -> true; // as TileCode needs them
      case BFLOAT16 -> OneDnn.hasBfloat16();
    };
  }

  /** out = x @ matrix, of the first {@code rows} rows. */
  void multiply(int rows, Tensor x, CodedMatrix matrix, Tensor out) {
    int rowBytes = matrix.padded() * matrix.format().bits() / Byte.SIZE;
    int filled = Math.ceilDiv(rows, STEP) * STEP;
    rounded = reserve(rounded, (long) filled * rowBytes);
    if (scales.length < filled) {
      scales = new float[filled];
    }
    Team.Task round =
        (worker, from, to) -> {
          for (int row = from; row < to; row++) {
            round(worker, x, row, matrix);
          }
        };
    workers.run(round, rows, 1, Workers.workOf((long) rows * x.columns()));
    int width = width(matrix);
    int parts = Math.ceilDiv(matrix.outputs(), width);
    OneDnnProduct[][] compiled = compiled(rows, matrix, width, out);
    for (int worker = 0; worker < sums.length; worker++) {
      sums[worker] = reserve(sums[worker], (long) BLOCK * width * Integer.BYTES);
    }
    workers.divide(
        parts,
        (long) rows * matrix.inputs() * matrix.outputs(),
        (worker, part) -> multiply(worker, rows, matrix, width, part, compiled, out));
  }

  private static HostMemory reserve(HostMemory memory, long bytes) {
    if (memory != null && memory.byteSize() >= bytes) {
      return memory;
    }
    if (memory != null) {
      memory.close();
    }
    return HostDevice.host().allocate(bytes);
  }

  private void round(int worker, Tensor x, int row, CodedMatrix matrix) {
    float[] values = workers.staging(worker).read(0, x, row, 1);
    boolean vectors = workers.roundedVectors();
    int n = x.columns();
    int padded = matrix.padded();
    MemorySegment to = rounded.segment();
    if (matrix.format() == WeightFormat.BFLOAT16) {
      long at = (long) row * padded;
      Bfloat16.round(vectors, values, 0, to, at, n);
      to.asSlice((at + n) * Short.BYTES, (long) (padded - n) * Short.BYTES).fill((byte) 0);
      return;
    }
    if (bytes[worker].length < padded) {
      bytes[worker] = new byte[padded];
      whole[worker] = new int[padded];
    }
    float scale = Terms.byteScale(vectors, values, n);
    scales[row] = scale;
    Terms.bytes(vectors, values, n, scale, TileCode.DIGIT_OFFSET, whole[worker], bytes[worker]);
    Arrays.fill(bytes[worker], n, padded, (byte) 0);
    MemorySegment.copy(bytes[worker], 0, to, JAVA_BYTE, (long) row * padded, padded);
  }

  /** Outputs of a part; the last one may have fewer. */
  private static int width(CodedMatrix matrix) {
    int tiles = (int) Math.max(1, PART_BYTES / matrix.tileBytes());
    return Math.min(tiles * WIDTH, matrix.outputs());
  }

  /** The products of a whole block and of the last one, with a whole part and with the last one. */
  private OneDnnProduct[][] compiled(int rows, CodedMatrix matrix, int width, Tensor out) {
    int last = (matrix.outputs() - 1) % width + 1;
    OneDnnProduct[][] compiled = new OneDnnProduct[2][2];
    for (int b = 0; b < 2; b++) {
      int size = b == 0 ? BLOCK : Math.ceilDiv((rows - 1) % BLOCK + 1, STEP) * STEP;
      boolean direct = isDirect(matrix.format(), out) && b == 0;
      compiled[b][0] = product(matrix, size, width, direct ? out.rowStride() : width);
      compiled[b][1] = product(matrix, size, last, direct ? out.rowStride() : last);
    }
    return compiled;
  }

  /** Whether sums are the outputs themselves. */
  private static boolean isDirect(WeightFormat format, Tensor out) {
    return format == WeightFormat.BFLOAT16 && out.dtype() == DType.FLOAT32;
  }

  private OneDnnProduct product(CodedMatrix matrix, int rows, int outputs, int stride) {
    return products.computeIfAbsent(
        new Shape(matrix.format(), rows, matrix.padded(), outputs, stride),
        shape -> {
          NativeGemm.useOneThread();
          boolean exact = shape.format == WeightFormat.INT8;
          long layout = OneDnnWeights.describeTiles(exact, shape.inputs, shape.outputs);
          try {
            return new OneDnnProduct(
                workers.size(),
                shape.rows,
                shape.inputs,
                shape.outputs,
                exact ? OneDnnWeights.UINT8 : OneDnnWeights.BFLOAT16,
                layout,
                exact ? OneDnnWeights.INT32 : OneDnnWeights.FLOAT32,
                shape.stride);
          } finally {
            OneDnn.forgetDescription(layout);
          }
        });
  }

  /** All rows times a part of the matrix. */
  private void multiply(
      int worker,
      int rows,
      CodedMatrix matrix,
      int width,
      int part,
      OneDnnProduct[][] compiled,
      Tensor out) {
    int column = part * width;
    int columns = Math.min(width, matrix.outputs() - column);
    int rowBytes = matrix.padded() * matrix.format().bits() / Byte.SIZE;
    long weights = matrix.weights().address() + (long) column / WIDTH * matrix.tileBytes();
    for (int first = 0; first < rows; first += BLOCK) {
      int count = Math.min(BLOCK, rows - first);
      boolean last = first + BLOCK >= rows;
      OneDnnProduct product = compiled[last ? 1 : 0][columns == width ? 0 : 1];
      long x = rounded.address() + (long) first * rowBytes;
      if (isDirect(matrix.format(), out) && !last) {
        long to = HostMemory.of(out).address() + (out.at(first) + column) * Float.BYTES;
        product.run(worker, x, weights, to);
        continue;
      }
      product.run(worker, x, weights, sums[worker].address());
      float[] joined = workers.staging(worker).array(1, columns);
      for (int row = 0; row < count; row++) {
        long at = (long) row * columns * Integer.BYTES;
        if (matrix.format() == WeightFormat.INT8) {
          join(worker, matrix, at, column, columns, scales[first + row], joined);
        } else {
          MemorySegment.copy(sums[worker].segment(), JAVA_FLOAT, at, joined, 0, columns);
        }
        Staging.write(joined, out, column, columns, first + row, 1);
      }
    }
  }

  /** The outputs of a row, tile by tile, as scales lie by tiles. */
  private void join(
      int worker, CodedMatrix matrix, long at, int column, int columns, float scale, float[] out) {
    boolean vectors = workers.roundedVectors();
    MemorySegment from = sums[worker].segment();
    MemorySegment table = matrix.table().segment();
    for (int o = 0; o < columns; o += WIDTH) {
      long tile = (long) (column + o) / WIDTH * CodedMatrix.TABLE_BYTES;
      long sum = at + (long) o * Integer.BYTES;
      if (vectors && o + WIDTH <= columns) {
        Terms.vectorJoinBytes(from, sum, table, tile, WIDTH, scale, out, o);
        continue;
      }
      for (int i = 0; i < Math.min(WIDTH, columns - o); i++) {
        long lane = tile + (long) i * Integer.BYTES;
        int exact = from.get(JAVA_INT, sum + (long) i * Integer.BYTES) + table.get(JAVA_INT, lane);
        out[o + i] = exact * (table.get(JAVA_FLOAT, lane + WIDTH * Integer.BYTES) * scale);
      }
    }
  }

  @Override
  public void close() {
    products.values().forEach(OneDnnProduct::close);
    products.clear();
    for (HostMemory memory : sums) {
      if (memory != null) {
        memory.close();
      }
    }
    if (rounded != null) {
      rounded.close();
    }
  }
}
