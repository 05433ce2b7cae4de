package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the arguments of one call): a few rows times a matrix, as a step of generation has it.
 *
 * <p>Its time is that of reading the matrix, so each worker reads one stretch of memory from end to
 * end, a row after another: of a matrix whose rows are outputs, a part of the outputs; else a part
 * of the inputs, which gives partial sums, added in the order of the workers. (A native {@code
 * sgemm} reads several rows of the matrix at once, at half or two thirds of the rate; see
 * docs/log.md.) A row of the result has the same bits alone and among others: each is multiplied by
 * itself, by one piece of the matrix after another, which is in the core's cache after the first
 * row.
 */
final class Gemv implements Team.Task {
  /** From this many weights on; smaller matrices are left to {@link SmallGemm}. */
  private static final long FROM = 128 * 128;

  /** From this many weights on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 64 * 64 * 64;

  /** Parts begin at whole cache lines. */
  private static final int MULTIPLE = 16;

  /** Weights of a piece: half of a usual second-level cache. */
  private static final int PIECE = 1 << 17;

  private final Team team;
  private final boolean[] used;
  private HostMemory partial; // (workers - 1, MOST_ROWS, n)
  private boolean outputsAreRows;
  private int m;
  private int n;
  private int k;
  private Tensor a;
  private Tensor b;
  private Tensor c;

  Gemv(Team team) {
    this.team = team;
    used = new boolean[team.size()];
  }

  /** Whether products of so many rows, (m, k) @ (k, n), are made here; the same for all such m. */
  static boolean take(int m, int n, int k) {
    return m <= PackedMatrix.MOST_ROWS && (long) n * k >= FROM;
  }

  /** c = a @ b, or a @ bᵀ where b is stored as (n, k). */
  void multiply(boolean outputsAreRows, int m, int n, int k, Tensor a, Tensor b, Tensor c) {
    this.outputsAreRows = outputsAreRows;
    this.m = m;
    this.n = n;
    this.k = k;
    this.a = a;
    this.b = b;
    this.c = c;
    int units = outputsAreRows ? n : k;
    if ((long) n * k < PARALLEL_FROM) {
      run(0, 0, units);
      return;
    }
    if (!outputsAreRows) {
      prepare();
    }
    team.run(this, units, MULTIPLE);
    if (!outputsAreRows) {
      addPartial();
    }
  }

  /** Room for the partial sums of the workers but the first, whose are the result's own. */
  private void prepare() {
    Arrays.fill(used, false);
    long length = (long) (team.size() - 1) * PackedMatrix.MOST_ROWS * n;
    if (length > 0 && (partial == null || partial.byteSize() < length * Float.BYTES)) {
      close();
      partial = HostDevice.host().allocate(DType.FLOAT32, length);
    }
  }

  @Override
  public void run(int worker, int from, int to) {
    used[worker] = true;
    int piece = Math.max(1, PIECE / (outputsAreRows ? k : n));
    for (int start = from; start < to; start += piece) {
      int end = Math.min(start + piece, to);
      for (int row = 0; row < m; row++) {
        if (outputsAreRows) {
          dot(row, start, end);
        } else {
          add(row, start, end, sums(worker, row), start == from);
        }
      }
    }
  }

  /** Outputs [from, to) of a row. */
  private void dot(int row, int from, int to) {
    long x = address(a, row);
    long weights = address(b, from);
    MemorySegment result = HostMemory.segment(c);
    for (long o = c.at(row) + from; o < c.at(row) + to; o++) {
      result.setAtIndex(JAVA_FLOAT, o, OpenBlas.dot(k, x, weights));
      weights += 4L * b.rowStride();
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
      OpenBlas.add(n, inputs.getAtIndex(JAVA_FLOAT, p), weights, y);
      weights += 4L * b.rowStride();
    }
  }

  private static long address(Tensor tensor, int row) {
    return HostMemory.address(tensor) + 4L * row * tensor.rowStride();
  }

  /** Where a worker sums a row up, (1, n). */
  private Tensor sums(int worker, int row) {
    if (worker == 0) {
      return c.rows(row, 1);
    }
    long start = ((long) (worker - 1) * PackedMatrix.MOST_ROWS + row) * n;
    return Tensor.of(partial, DType.FLOAT32, start, 1, n);
  }

  private void addPartial() {
    for (int worker = 1; worker < used.length; worker++) {
      for (int row = 0; row < m && used[worker]; row++) {
        OpenBlas.add(n, 1, HostMemory.address(sums(worker, row)), address(c, row));
      }
    }
  }

  void close() {
    if (partial != null) {
      partial.close();
      partial = null;
    }
  }
}
