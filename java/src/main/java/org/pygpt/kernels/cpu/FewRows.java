package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.parallel.Team;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the arguments of one call): a few rows times a matrix, as a step of generation has it.
 *
 * <p>Its time is that of reading the matrix, so each worker reads one stretch of memory from end to
 * end: of a matrix whose rows are outputs, a part of the outputs; else a part of the inputs, which
 * gives partial sums, added in the order of the workers. A row has the same bits alone and among
 * others: each is multiplied by itself, by one piece of the matrix after another, which is in the
 * core's cache after the first row.
 */
final class FewRows implements Team.Task {
  /** From this many weights on; smaller matrices are left to {@link SmallGemm}. */
  private static final long FROM = 128 * 128;

  /** From this many weights on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 64 * 64 * 64;

  /** Parts begin at whole cache lines. */
  private static final int MULTIPLE = 16;

  /** Weights of a piece: half of a usual second-level cache. */
  private static final int PIECE = 1 << 17;

  private final Team team;
  private final Staging staging;
  private final boolean[] used;
  private Memory partial; // (workers - 1, MOST_ROWS, n)
  private boolean outputsAreRows;
  private int m;
  private int n;
  private int k;
  private Tensor a;
  private Tensor b;
  private Tensor c;

  FewRows(Team team, Staging staging) {
    this.team = team;
    this.staging = staging;
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
    if (length > 0 && (partial == null || partial.length() < length)) {
      close();
      partial = Memory.allocate(DType.FLOAT32, length);
    }
  }

  @Override
  public void run(int worker, int from, int to) {
    used[worker] = true;
    int piece = Math.max(1, PIECE / (outputsAreRows ? k : n));
    for (int start = from; start < to; start += piece) {
      int count = Math.min(piece, to - start);
      long weights = b.address() + 4L * start * b.rowStride();
      for (int row = 0; row < m; row++) {
        if (outputsAreRows) {
          multiply(true, count, k, at(a, row), weights, false, at(c, row) + 4L * start);
        } else {
          long inputs = at(a, row) + 4L * start;
          multiply(false, n, count, inputs, weights, start > from, sums(worker, row));
        }
      }
    }
  }

  /** One row: (1, k) @ (k, n) -> (1, n). */
  private void multiply(
      boolean transpose, int n, int k, long x, long weights, boolean add, long y) {
    NativeGemm.multiply(false, transpose, 1, n, k, x, k, weights, b.rowStride(), add, y, n);
  }

  private static long at(Tensor tensor, int row) {
    return tensor.address() + 4L * row * tensor.rowStride();
  }

  private long sums(int worker, int row) {
    return worker == 0 ? at(c, row) : partial.address() + 4 * place(worker, row);
  }

  private long place(int worker, int row) {
    return ((long) (worker - 1) * PackedMatrix.MOST_ROWS + row) * n;
  }

  private void addPartial() {
    boolean vectors = Simd.ready();
    for (int row = 0; row < m && team.size() > 1; row++) {
      float[] total = staging.read(0, c, row, 1);
      for (int worker = 1; worker < used.length; worker++) {
        if (used[worker]) {
          float[] more = staging.read(1, partial, place(worker, row), n);
          ElementMath.add(vectors, more, 0, total, 0, n);
        }
      }
      Staging.write(total, c, row, 1);
    }
  }

  void close() {
    if (partial != null) {
      partial.close();
      partial = null;
    }
  }
}
