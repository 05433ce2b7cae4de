package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/** A copy of a rounded weight matrix in fewer bits, laid out as its backend reads it fastest. */
public interface PackedMatrix extends AutoCloseable {
  /** So many rows are few: reading the weights is what takes time. */
  int MOST_ROWS = 8;

  /**
   * Up to this many rows are faster by this copy; with more, reading weights is no longer what
   * takes time.
   */
  default int mostRows() {
    return MOST_ROWS;
  }

  /**
   * out = x @ weight, (rows, in) @ (in, out) -> (rows, out), for 1 to {@link #mostRows} rows. No
   * row's result depends on the other rows, nor on their number.
   */
  void multiply(int rows, Tensor x, Tensor out);

  /** Whether there is {@link #multiplyRounded}. */
  default boolean canRound() {
    return false;
  }

  /**
   * Likewise for any number of rows, each of which is rounded as the weights are before it is
   * multiplied: many of them are faster so.
   */
  default void multiplyRounded(int rows, Tensor x, Tensor out) {
    throw new UnsupportedOperationException("this copy multiplies what it gets");
  }

  @Override
  void close();
}
