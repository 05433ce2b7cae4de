package org.pygpt.graph;

import org.pygpt.tensor.Tensor;

/**
 * A weight and where its gradient is summed.
 *
 * @param name the checkpoint's name for it, as Hugging Face's GPT-2 has it
 * @param value (rows, columns)
 * @param gradient of the same shape; null on a tape that only runs forward
 */
public record Parameter(String name, Tensor value, Tensor gradient) {
  /** The value of a parameter that may be null. */
  static Tensor valueOf(Parameter parameter) {
    return parameter == null ? null : parameter.value;
  }

  /** The gradient of a parameter that may be null. */
  static Tensor gradientOf(Parameter parameter) {
    return parameter == null ? null : parameter.gradient;
  }

  @Override
  public String toString() {
    return name + " (" + value.rows() + ", " + value.columns() + ")";
  }
}
