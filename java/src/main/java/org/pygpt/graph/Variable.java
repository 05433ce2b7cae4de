package org.pygpt.graph;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable until planned: an activation on the tape and, while training, its gradient.
 *
 * <p>Variables that share a gradient (the branches of a residual sum) point to one root.
 */
public final class Variable {
  private final int columns;
  private Slot value;
  private Slot gradient;
  private Variable gradientRoot = this;
  private boolean gradientWritten;
  private boolean constant;

  Variable(Slot value, Slot gradient) {
    this.columns = value.columns();
    this.value = value;
    this.gradient = gradient;
  }

  /** Of the activation and its gradient. */
  public DType dtype() {
    return value.dtype();
  }

  public int columns() {
    return columns;
  }

  /** The activation. */
  public Tensor value() {
    return value.tensor();
  }

  /** The gradient of the loss, null on a tape that only runs forward. */
  public Tensor gradient() {
    Slot slot = gradientSlot();
    return slot == null ? null : slot.tensor();
  }

  /** Where the activation is. */
  public Slot valueSlot() {
    return value;
  }

  /** Where the gradient is; null on a tape that only runs forward. */
  public Slot gradientSlot() {
    return root().gradient;
  }

  /** From now on one slot holds the gradient of both. */
  public void shareGradient(Variable other) {
    other.root().gradientRoot = root();
  }

  /** From now on the value overwrites that of {@code other}, which nothing reads any more. */
  public void takeValueSlot(Variable other) {
    value = other.value;
  }

  /** From now on the gradient overwrites the value, which backward does not need. */
  public void overwriteByGradient() {
    gradient = gradient == null ? null : value;
  }

  /**
   * Says that no trained weight has a part in this, if {@code constant}: so nobody needs its
   * gradient.
   */
  public void constantIf(boolean constant) {
    this.constant = constant;
  }

  /** Whether {@link #constantIf} said so. */
  public boolean isConstant() {
    return constant;
  }

  private Variable root() {
    return gradientRoot == this ? this : gradientRoot.root();
  }

  /** Marks the gradient as written by one more op; returns whether another op wrote it before. */
  boolean writeGradient() {
    boolean before = root().gradientWritten;
    root().gradientWritten = true;
    return before;
  }
}
