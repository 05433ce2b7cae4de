package org.pygpt.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;

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

  TokenOrder(CudaDevice device) {
    scratch = new Scratch(device);
  }

  /** Downloads the ids, sorts their rows, and uploads what the kernel reads. */
  void read(Tensor ids, int rows) {
    this.rows = rows;
    int stride = ids.rowStride();
    int[] given = new int[(rows - 1) * stride + 1];
    ids.read(0, MemorySegment.ofArray(given));
    long[] keys = new long[rows]; // token, then row
    for (int row = 0; row < rows; row++) {
      keys[row] = (long) given[row * stride] << 32 | row;
    }
    Arrays.sort(keys);
    int[] sorted = new int[3 * rows + 1];
    count = 0;
    for (int i = 0; i < rows; i++) {
      int token = (int) (keys[i] >> 32);
      if (i == 0 || token != sorted[count - 1]) {
        sorted[rows + count] = i;
        sorted[count++] = token;
      }
      sorted[2 * rows + 1 + i] = (int) keys[i];
    }
    sorted[rows + count] = rows;
    all = scratch.of(DType.INT32, sorted.length);
    MemorySegment bytes = MemorySegment.ofArray(sorted);
    all.memory().write(DType.INT32, 0, bytes.asSlice(0, sorted.length * JAVA_INT.byteSize()));
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
