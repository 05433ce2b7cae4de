package org.pygpt.train;

/**
 * Which part of a flat array one of several workers updates: a run of whole blocks.
 *
 * @param rank the worker's number, from 0
 * @param size number of workers
 */
public record Shard(int rank, int size) {
  /** All of an array. */
  public static final Shard WHOLE = new Shard(0, 1);

  /** A block has at least so many elements: a multiple of what any kernel sums by itself. */
  private static final long SMALLEST_BLOCK = 2048;

  private static final long BLOCKS = 1024;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if there is no such worker
   */
  public Shard {
    if (rank < 0 || rank >= size) {
      throw new IllegalArgumentException("worker: expected 0 to " + (size - 1) + ", got " + rank);
    }
  }

  /**
   * Elements of a block, which depend on the array alone: what is summed by blocks has the same
   * bits for any number of workers.
   */
  public static long block(long length) {
    return Math.max(SMALLEST_BLOCK, Long.highestOneBit(length / BLOCKS));
  }

  /** The first element of this worker's part; that of worker {@code size} would be the length. */
  public long from(long length) {
    return bound(length, rank);
  }

  /** The element after this worker's part. */
  public long to(long length) {
    return bound(length, rank + 1);
  }

  private long bound(long length, int worker) {
    long block = block(length);
    return Math.min(length, Math.ceilDiv(length, block) * worker / size * block);
  }
}
