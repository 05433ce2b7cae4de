package org.pygpt.datasets;

import java.util.Arrays;

/**
 * What a model reads and what it should say.
 *
 * @param ids (B, T) row by row; 0 where there is nothing
 * @param targets (B, T), the id that comes next, or -1 where nothing is scored
 * @param rows B
 * @param columns T
 */
public record Batch(int[] ids, int[] targets, int rows, int columns) {
  /** The target of a position that is not scored. */
  public static final int IGNORE_INDEX = -1;

  /** One with nothing in it. */
  static Batch blank(int rows, int columns) {
    int[] targets = new int[Math.multiplyExact(rows, columns)];
    Arrays.fill(targets, IGNORE_INDEX);
    return new Batch(new int[targets.length], targets, rows, columns);
  }

  /** How many targets are scored. */
  public int scored() {
    return (int) Arrays.stream(targets).filter(target -> target >= 0).count();
  }
}
