package org.pygpt.ops;

import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.tensor.Tensor;

/**
 * A weight and where its gradient is summed.
 *
 * @param name the checkpoint's name for it, as Hugging Face's GPT-2 has it
 * @param value (rows, columns)
 * @param gradient of the same shape; null if it is frozen, or on a tape that only runs forward
 * @param packed a smaller copy of a rounded matrix; null for none
 */
public record Parameter(String name, Tensor value, Tensor gradient, PackedMatrix packed) {
  /** The value of a parameter that may be null. */
  static Tensor valueOf(Parameter parameter) {
    return parameter == null ? null : parameter.value;
  }

  /** Whether a parameter, which may be null, is not trained. */
  static boolean isFrozen(Parameter parameter) {
    return parameter == null || parameter.gradient == null;
  }

  /** The gradient of a parameter that may be null. */
  static Tensor gradientOf(Parameter parameter) {
    return parameter == null ? null : parameter.gradient;
  }

  /**
   * out = x @ this, (rows, in) @ (in, out) -> (rows, out).
   *
   * @param outputsAreRows whether this is stored as (out, in)
   */
  void multiply(Kernels kernels, boolean outputsAreRows, int rows, Tensor x, Tensor out) {
    if (packed != null && rows <= PackedMatrix.MOST_ROWS) {
      packed.multiply(rows, x, out);
    } else {
      kernels.gemm(false, outputsAreRows, rows, out.columns(), x.columns(), x, value, false, out);
    }
  }

  @Override
  public String toString() {
    return name + " (" + value.rows() + ", " + value.columns() + ")";
  }
}
