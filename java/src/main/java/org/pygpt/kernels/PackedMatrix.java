package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/** A copy of a rounded weight matrix in fewer bits, laid out as its backend reads it fastest. */
public interface PackedMatrix extends AutoCloseable {
  /** So many rows are few: reading the weights is what takes time. */
  int MOST_ROWS = 8;

  /** Most rows of a product whose results have the bits that each has alone. */
  default int mostRows() {
    return MOST_ROWS;
  }

  /**
   * Whether so many rows are to be multiplied by this copy: else the float32 matrix is faster,
   * since reading weights is no longer what takes time.
   */
  default boolean takes(int rows) {
    return rows <= mostRows();
  }

  /**
   * out = x @ weight, (rows, in) @ (in, out) -> (rows, out), for as many rows as it {@link #takes}.
   * Of {@link #mostRows} at most, no row's result depends on the other rows, nor on their number.
   * Of more, x may be rounded as the weights are.
   */
  void multiply(int rows, Tensor x, Tensor out);

  @Override
  void close();
}
