package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch memory): a few rows times a matrix, as a step of generation has it.
 *
 * <p>Its time is that of reading the matrix, so each worker reads one stretch of memory from end to
 * end, a row after another: of a matrix whose rows are outputs, a part of the outputs; else a part
 * of the inputs, which gives partial sums, added in the order of the workers. (A native {@code
 * sgemm} reads several rows of the matrix at once, at half or two thirds of the rate; see
 * docs/log.md.) A row of the result has the same bits alone and among others: each is multiplied by
 * itself, by one piece of the matrix after another, which is in the core's cache after the first
 * row.
 */
final class Gemv implements AutoCloseable {
  /** From this many weights on; smaller matrices are left to {@link SmallGemm}. */
  private static final long FROM = 128 * 128;

  /** Parts begin at whole cache lines. */
  private static final int MULTIPLE = 16;

  /** Weights of a piece: half of a usual second-level cache. */
  private static final int PIECE = 1 << 17;

  private final Workers workers;
  private HostMemory partial; // (workers - 1, MOST_ROWS, n)

  Gemv(Workers workers) {
    this.workers = workers;
  }

  /** Whether a product is made here: the same for all numbers of rows that are few. */
  static boolean takes(MatMul shape) {
    return !shape.transposeA()
        && !shape.add()
        && shape.m() <= PackedMatrix.MOST_ROWS
        && (long) shape.n() * shape.k() >= FROM;
  }

  /** c = a @ b, or a @ bᵀ where b is stored as (n, k). */
  void multiply(MatMul shape, Tensor a, Tensor b, Tensor c) {
    // the weights alone decide on a division, so that a row has the same bits among any number
    long work = (long) shape.n() * shape.k();
    if (shape.transposeB()) {
      workers.run(new Dots(shape, a, b, c), shape.n(), MULTIPLE, work);
      return;
    }
    if (Workers.isParallel(work)) {
      reservePartial(shape.n());
    }
    boolean[] used = new boolean[workers.size()];
    Sums sums = new Sums(shape, a, b, c, partial, used);
    workers.run(sums, shape.k(), MULTIPLE, work);
    sums.addPartial();
  }

  /** Makes room for the sums of the workers; the first one sums up in the result itself. */
  private void reservePartial(int n) {
    long length = (long) (workers.size() - 1) * PackedMatrix.MOST_ROWS * n;
    if (length > 0 && (partial == null || partial.byteSize() < length * Float.BYTES)) {
      close();
      partial = HostDevice.host().allocate(DType.FLOAT32, length);
    }
  }

  private static long address(Tensor tensor, int row) {
    return HostMemory.address(tensor) + 4L * row * tensor.rowStride();
  }

  /** By outputs, which are the rows of b. */
  private record Dots(MatMul shape, Tensor a, Tensor b, Tensor c) implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      int piece = Math.max(1, PIECE / shape.k());
      for (int start = from; start < to; start += piece) {
        for (int row = 0; row < shape.m(); row++) {
          dot(row, start, Math.min(start + piece, to));
        }
      }
    }

    /** Outputs [from, to) of a row. */
    private void dot(int row, int from, int to) {
      long x = address(a, row);
      long weights = address(b, from);
      MemorySegment result = HostMemory.segment(c);
      for (long o = c.at(row) + from; o < c.at(row) + to; o++) {
        result.setAtIndex(JAVA_FLOAT, o, OpenBlas.dot(shape.k(), x, weights));
        weights += 4L * b.rowStride();
      }
    }
  }

  /** By inputs, which are the rows of b: each worker has sums of its own. */
  private record Sums(
      MatMul shape, Tensor a, Tensor b, Tensor c, HostMemory partial, boolean[] used)
      implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      used[worker] = true;
      int piece = Math.max(1, PIECE / shape.n());
      for (int start = from; start < to; start += piece) {
        for (int row = 0; row < shape.m(); row++) {
          add(row, start, Math.min(start + piece, to), sums(worker, row), start == from);
        }
      }
    }

    /** What inputs [from, to) of a row give, added to {@code sums}, or written there. */
    private void add(int row, int from, int to, Tensor sums, boolean first) {
      if (first) {
        sums.zero();
      }
      long weights = address(b, from);
      long y = HostMemory.address(sums);
      MemorySegment inputs = HostMemory.segment(a);
      for (long p = a.at(row) + from; p < a.at(row) + to; p++) {
        OpenBlas.add(shape.n(), inputs.getAtIndex(JAVA_FLOAT, p), weights, y);
        weights += 4L * b.rowStride();
      }
    }

    /** Where a worker sums a row up, (1, n). */
    private Tensor sums(int worker, int row) {
      if (worker == 0) {
        return c.rows(row, 1);
      }
      long start = ((long) (worker - 1) * PackedMatrix.MOST_ROWS + row) * shape.n();
      return Tensor.of(partial, DType.FLOAT32, start, 1, shape.n());
    }

    void addPartial() {
      for (int worker = 1; worker < used.length; worker++) {
        for (int row = 0; row < shape.m() && used[worker]; row++) {
          OpenBlas.add(shape.n(), 1, HostMemory.address(sums(worker, row)), address(c, row));
        }
      }
    }
  }

  @Override
  public void close() {
    if (partial != null) {
      partial.close();
      partial = null;
    }
  }
}
