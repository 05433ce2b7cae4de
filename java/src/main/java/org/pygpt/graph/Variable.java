package org.pygpt.graph;

import org.pygpt.tensor.Tensor;

/**
 * Mutable until planned: an activation on the tape and, while training, its gradient.
 *
 * <p>Variables that share a gradient (the branches of a residual sum) point to one root.
 */
public final class Variable {
  private final int rows;
  private final int columns;
  private final boolean hasGradient;
  private Variable gradientRoot = this;
  private Tensor value;
  private Tensor gradient;
  private boolean gradientWritten;

  Variable(int rows, int columns, boolean hasGradient) {
    this.rows = rows;
    this.columns = columns;
    this.hasGradient = hasGradient;
  }

  /** Rows planned for: the largest B * T. */
  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  public Tensor value() {
    return value;
  }

  /** The gradient of the loss, null on a tape that only runs forward. */
  public Tensor gradient() {
    return gradientRoot.gradient;
  }

  boolean hasGradient() {
    return hasGradient;
  }

  /** From now on one buffer holds the gradient of both. */
  void shareGradient(Variable other) {
    other.root().gradientRoot = root();
  }

  Variable root() {
    return gradientRoot == this ? this : gradientRoot.root();
  }

  void bind(Tensor value, Tensor gradient) {
    this.value = value;
    this.gradient = gradient;
    gradientRoot = root();
  }

  /** Marks the gradient as written by one more op; returns whether another op wrote it before. */
  boolean writeGradient() {
    boolean before = root().gradientWritten;
    root().gradientWritten = true;
    return before;
  }
}
