package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.pygpt.kernels.cpu.TileCode.WIDTH;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** Mutable: products with {@link CodedMatrix}, and the memory that they need meanwhile. */
final class CodedProducts implements AutoCloseable {
  private final Workers workers;
  private final Scratch[] scratch;
  private final RoundedProducts rounded;
  private HostMemory prepared; // rows of x as TileCode reads them

  /** Mutable: arrays of one worker. */
  private static final class Scratch {
    private final HostMemory sums = HostDevice.host().allocate(MOST_SUMS * Float.BYTES);
    private byte[] digits = new byte[0];
    private int[] whole = new int[0];
  }

  private static final long MOST_SUMS = (long) WIDTH * 8;

  CodedProducts(Workers workers) {
    this.workers = workers;
    scratch = new Scratch[workers.size()];
    rounded = new RoundedProducts(workers);
  }

  /**
   * Whether products of a format are written as instructions here: not where oneDNN has those of
   * whole tiles (AMX), with which several rows cost what one does.
   */
  static boolean has(WeightFormat format) {
    return TileCode.isAvailable() && (format == WeightFormat.INT4 || !OneDnn.hasAmx());
  }

  private Scratch scratch(int worker) {
    if (scratch[worker] == null) {
      scratch[worker] = new Scratch();
    }
    return scratch[worker];
  }

  /** out = x @ matrix, of the first {@code rows} rows. */
  void multiply(int rows, Tensor x, CodedMatrix matrix, Tensor out) {
    int rowBytes = TileCode.rowBytes(matrix.format(), matrix.padded());
    long bytes = (long) rows * rowBytes;
    if (prepared == null || prepared.byteSize() < bytes) {
      if (prepared != null) {
        prepared.close();
      }
      prepared = HostDevice.host().allocate(bytes);
    }
    Team.Task prepare =
        (worker, from, to) -> {
          for (int row = from; row < to; row++) {
            prepare(worker, x, row, matrix, (long) row * rowBytes);
          }
        };
    workers.run(prepare, rows, 1, Workers.workOf((long) rows * x.columns()));
    TileCode[] codes = codes(rows, matrix);
    workers.divide(
        matrix.tiles(),
        (long) rows * matrix.inputs() * matrix.outputs(),
        (worker, tile) -> tile(worker, codes, matrix, tile, out));
  }

  /** The same with rounded rows. */
  void multiplyRounded(int rows, Tensor x, CodedMatrix matrix, Tensor out) {
    rounded.multiply(rows, x, matrix, out);
  }

  /** The functions that do some rows after another, as many at once as they can. */
  private static TileCode[] codes(int rows, CodedMatrix matrix) {
    int most = TileCode.mostRows(matrix.format());
    TileCode[] codes = new TileCode[Math.ceilDiv(rows, most)];
    Arrays.fill(codes, TileCode.of(matrix.format(), matrix.padded(), Math.min(most, rows)));
    if (rows % most != 0) {
      codes[codes.length - 1] = TileCode.of(matrix.format(), matrix.padded(), rows % most);
    }
    return codes;
  }

  private void prepare(int worker, Tensor x, int row, CodedMatrix matrix, long at) {
    float[] values = workers.staging(worker).read(0, x, row, 1);
    int n = x.columns();
    int padded = matrix.padded();
    MemorySegment to = prepared.segment();
    if (matrix.format() == WeightFormat.BFLOAT16) {
      MemorySegment.copy(values, 0, to, JAVA_FLOAT, at, n);
      to.asSlice(at + (long) n * Float.BYTES, (long) (padded - n) * Float.BYTES).fill((byte) 0);
      return;
    }
    Scratch scratch = scratch(worker);
    int count = Terms.COUNT * padded;
    if (scratch.digits.length < count) {
      scratch.digits = new byte[count];
      scratch.whole = new int[count];
    }
    boolean vectors = workers.roundedVectors();
    float unit = Terms.unit(vectors, values, n);
    int offset = matrix.format() == WeightFormat.INT8 ? TileCode.DIGIT_OFFSET : 0;
    Terms.digits(vectors, values, n, unit, offset, scratch.whole, scratch.digits, padded);
    for (int term = 0; term < Terms.COUNT; term++) {
      Arrays.fill(scratch.digits, term * padded + n, (term + 1) * padded, (byte) 0);
    }
    MemorySegment.copy(scratch.digits, 0, to, JAVA_BYTE, at, count);
    TileCode.finish(to, at + count, unit);
  }

  /** All rows times a tile, which the core's cache has after the first ones. */
  private void tile(int worker, TileCode[] codes, CodedMatrix matrix, int tile, Tensor out) {
    WeightFormat format = matrix.format();
    int padded = matrix.padded();
    int rowBytes = TileCode.rowBytes(format, padded);
    int width = matrix.width(tile);
    int column = tile * WIDTH;
    boolean direct = width == WIDTH && out.dtype() == DType.FLOAT32;
    HostMemory sums = scratch(worker).sums;
    long weights = matrix.weights().address() + tile * matrix.tileBytes();
    long table = matrix.table().address() + (long) tile * CodedMatrix.TABLE_BYTES;
    int row = 0;
    for (TileCode code : codes) {
      int count = code.rows();
      long x = prepared.address() + (long) row * rowBytes;
      long constants = format == WeightFormat.INT4 ? x + (long) Terms.COUNT * padded : table;
      if (direct) {
        long to = HostMemory.of(out).address() + (out.at(row) + column) * Float.BYTES;
        code.run(weights, x, to, constants, (long) out.rowStride() * Float.BYTES);
        row += count;
        continue;
      }
      code.run(weights, x, sums.address(), constants, (long) WIDTH * Float.BYTES);
      float[] one = workers.staging(worker).array(1, WIDTH);
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(
            sums.segment(), JAVA_FLOAT, (long) i * WIDTH * Float.BYTES, one, 0, width);
        Staging.write(one, out, column, width, row + i, 1);
      }
      row += count;
    }
  }

  @Override
  public void close() {
    rounded.close();
    if (prepared != null) {
      prepared.close();
    }
    for (Scratch one : scratch) {
      if (one != null) {
        one.sums.close();
      }
    }
  }
}
