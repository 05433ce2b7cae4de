package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.Gradient;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the arguments of one call, as fields): a kernel whose rows do not depend on each other,
 * run on blocks of rows that fit in the first-level cache.
 */
abstract class RowTask implements Team.Task {
  /** Multiply-adds that take as long as one element of the usual row kernel, in plain loops. */
  private static final long WORK_OF_ELEMENT = 8;

  /** From this many elements on, waking the team costs less than it saves. */
  static final long PARALLEL_FROM = 1 << 14;

  private final Team team;
  private final Staging[] stagings;
  private final Sums[] sums;
  private int columns;

  /**
   * A kernel for this team.
   *
   * @param sums how many vectors are summed over all rows
   */
  RowTask(Team team, Staging[] stagings, int sums) {
    this.team = team;
    this.stagings = stagings;
    this.sums = new Sums[sums];
    for (int i = 0; i < sums; i++) {
      this.sums[i] = new Sums(team.size());
    }
  }

  /** Runs the kernel on all rows, of so many columns each. */
  final void runRows(int rows, int columns) {
    this.columns = columns;
    Simd.count(WORK_OF_ELEMENT * rows * columns);
    for (Sums sum : sums) {
      sum.forget();
    }
    if ((long) rows * columns < PARALLEL_FROM) {
      run(0, 0, rows);
    } else {
      team.run(this, rows, 1);
    }
  }

  @Override
  public final void run(int worker, int from, int to) {
    boolean vectors = Simd.ready();
    Staging staging = stagings[worker];
    prepare(staging, worker);
    int step = Staging.rowsAtOnce(columns);
    for (int row = from; row < to; row += step) {
      block(vectors, staging, worker, row, Math.min(step, to - row));
    }
  }

  /** What a worker does once before its first block, such as reading vectors. */
  void prepare(Staging staging, int worker) {}

  /** Rows [row, row + count). */
  abstract void block(boolean vectors, Staging staging, int worker, int row, int count);

  /** The zeroed array in which this worker sums vector {@code index}; call it in prepare. */
  final float[] beginSum(int index, int worker, int length) {
    return sums[index].begin(worker, length);
  }

  /** The array in which this worker sums vector {@code index}. */
  final float[] sum(int index, int worker) {
    return sums[index].partial[worker];
  }

  /** vector (+)= the workers' sums, added in the order of the workers; nothing if it is null. */
  final void storeSum(int index, Gradient vector) {
    if (vector != null) {
      sums[index].store(stagings[0], vector.add(), vector.tensor());
    }
  }

  /** Mutable: one vector's partial sums, one a worker. */
  private static final class Sums {
    private final float[][] partial;
    private final boolean[] used;

    Sums(int workers) {
      partial = new float[workers][0];
      used = new boolean[workers];
    }

    void forget() {
      Arrays.fill(used, false);
    }

    float[] begin(int worker, int length) {
      if (partial[worker].length < length) {
        partial[worker] = new float[length];
      }
      Arrays.fill(partial[worker], 0, length, 0);
      used[worker] = true;
      return partial[worker];
    }

    void store(Staging staging, boolean add, Tensor vector) {
      int length = vector.columns();
      float[] total = add ? staging.read(0, vector, 0, 1) : staging.array(0, length);
      if (!add) {
        Arrays.fill(total, 0, length, 0);
      }
      for (int worker = 0; worker < used.length; worker++) {
        if (used[worker]) {
          ElementMath.add(Simd.ready(), partial[worker], 0, total, 0, length);
        }
      }
      Staging.write(total, vector, 0, 1);
    }
  }
}
