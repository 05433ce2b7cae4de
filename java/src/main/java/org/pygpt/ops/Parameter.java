package org.pygpt.ops;

import org.pygpt.graph.Step;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.tensor.Tensor;

/** A weight and where its gradient is summed. */
public final class Parameter {
  private final String name;
  private final Tensor value;
  private final Tensor gradient;
  private final Gradient overwritten;
  private final Gradient added;
  private final PackedMatrix packed;
  private final Tensor product;
  private MatMul shape; // of the last product

  /** A weight that products read as it is. */
  public Parameter(String name, Tensor value, Tensor gradient, PackedMatrix packed) {
    this(name, value, gradient, packed, value);
  }

  /**
   * A weight of which products may read a copy.
   *
   * @param name the checkpoint's name for it, as Hugging Face's GPT-2 has it
   * @param value (rows, columns)
   * @param gradient of the same shape; null if it is frozen, or on a tape that only runs forward
   * @param packed a smaller copy of a rounded matrix; null for none
   * @param product what products read: {@code value}, or a copy of it in a narrower type
   */
  public Parameter(
      String name, Tensor value, Tensor gradient, PackedMatrix packed, Tensor product) {
    this.name = name;
    this.value = value;
    this.gradient = gradient;
    this.packed = packed;
    this.product = product;
    overwritten = Gradient.of(gradient, false);
    added = Gradient.of(gradient, true);
  }

  public String name() {
    return name;
  }

  public Tensor value() {
    return value;
  }

  public Tensor gradient() {
    return gradient;
  }

  public Tensor product() {
    return product;
  }

  /** Where the gradient goes; null if frozen. */
  Gradient into(boolean add) {
    return add ? added : overwritten;
  }

  /** The value of a parameter that may be null. */
  static Tensor valueOf(Parameter parameter) {
    return parameter == null ? null : parameter.value;
  }

  /** Whether a parameter, which may be null, is not trained. */
  static boolean isFrozen(Parameter parameter) {
    return parameter == null || parameter.gradient == null;
  }

  /** Where the gradient of a parameter goes in a step; null without a parameter, or if frozen. */
  static Gradient gradientOf(Parameter parameter, Step step) {
    return parameter == null ? null : parameter.into(step.accumulate());
  }

  /**
   * out = x @ this, (rows, in) @ (in, out) -> (rows, out).
   *
   * @param outputsAreRows whether this is stored as (out, in)
   * @param mayRound whether x may be rounded as these weights are, if they are
   */
  void multiply(
      Kernels kernels, boolean outputsAreRows, int rows, boolean mayRound, Tensor x, Tensor out) {
    if (mayRound && packed != null && packed.canRound()) {
      packed.multiplyRounded(rows, x, out);
    } else if (packed != null && rows <= packed.mostRows()) {
      packed.multiply(rows, x, out);
    } else {
      int features = out.columns();
      shape = MatMul.like(shape, rows, features, x.columns(), false, outputsAreRows, false);
      kernels.gemm(shape, x, product, out);
    }
  }

  @Override
  public String toString() {
    return name + " (" + value.rows() + ", " + value.columns() + ")";
  }
}
