package org.pygpt.kernels.cpu;

/**
 * A kernel whose rows do not depend on each other, run on blocks of rows that fit in the
 * first-level cache. An implementation is a record of one call's arguments.
 */
interface RowKernel {
  /** What a worker does once before its first block, such as reading vectors. */
  default void prepare(Staging staging) {}

  /**
   * Rows [row, row + count).
   *
   * @param vectors whether to use vector bodies
   * @param staging scratch arrays of the worker that runs this
   */
  void block(boolean vectors, Staging staging, int row, int count);

  /** Runs the kernel on {@code rows} rows of {@code columns} columns each. */
  default void run(Workers workers, int rows, int columns) {
    long work = Workers.workOf((long) rows * columns);
    workers.count(work / 2); // half of it is memory, where vector bodies save nothing
    workers.run(new Blocks(workers, this, columns), rows, 1, work);
  }

  /** A part of the rows, block by block. */
  record Blocks(Workers workers, RowKernel kernel, int columns) implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      boolean vectors = workers.vectors();
      Staging staging = workers.staging(worker);
      kernel.prepare(staging);
      int step = Staging.rowsAtOnce(columns);
      for (int row = from; row < to; row += step) {
        kernel.block(vectors, staging, row, Math.min(step, to - row));
      }
    }
  }
}
