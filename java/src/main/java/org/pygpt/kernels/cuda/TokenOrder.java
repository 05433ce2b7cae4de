package org.pygpt.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: the rows of a batch in the order of their tokens, so that the gradient of a token's
 * embedding is summed by one block, in the order of its rows: the same bits each time.
 */
final class TokenOrder implements AutoCloseable {
  private final Scratch scratch;
  private Tensor all; // tokens, starts, order: rows + rows + 1 + rows
  private int rows;
  private int count;
  private int[] given = {};
  private int[] next = {}; // of each token: how often it occurs, then the next place of its rows
  private int[] sorted = {};

  TokenOrder(CudaDevice device) {
    scratch = new Scratch(device);
  }

  /**
   * Downloads the ids, sorts their rows by counting, and uploads what the kernel reads.
   *
   * @param V ids are below it
   */
  void read(Tensor ids, int rows, int V) {
    this.rows = rows;
    int stride = ids.rowStride();
    int length = (rows - 1) * stride + 1;
    given = room(given, length);
    next = room(next, V);
    sorted = room(sorted, 3 * rows + 1);
    ids.read(0, MemorySegment.ofArray(given).asSlice(0, Integer.BYTES * (long) length));
    Arrays.fill(next, 0, V, 0);
    for (int row = 0; row < rows; row++) {
      next[given[row * stride]]++;
    }
    count = 0;
    int place = 0;
    for (int token = 0; token < V; token++) {
      int occurrences = next[token];
      next[token] = place;
      if (occurrences > 0) {
        sorted[rows + count] = place;
        sorted[count++] = token;
        place += occurrences;
      }
    }
    sorted[rows + count] = rows;
    for (int row = 0; row < rows; row++) {
      sorted[2 * rows + 1 + next[given[row * stride]]++] = row;
    }
    all = scratch.of(DType.INT32, 3L * rows + 1);
    MemorySegment bytes = MemorySegment.ofArray(sorted);
    all.memory().write(DType.INT32, 0, bytes.asSlice(0, Integer.BYTES * (3L * rows + 1)));
  }

  private static int[] room(int[] array, int length) {
    return array.length < length ? new int[length] : array;
  }

  /** How many different tokens there are. */
  int count() {
    return count;
  }

  Tensor tokens() {
    return all.columns(0, rows);
  }

  /** Where the rows of each token begin in {@link #order}; one more for the end. */
  Tensor starts() {
    return all.columns(rows, rows + 1);
  }

  Tensor order() {
    return all.columns(2 * rows + 1, rows);
  }

  @Override
  public void close() {
    scratch.close();
  }
}
