package org.pygpt.graph;

import org.pygpt.kernels.Gradient;
import org.pygpt.tensor.Tensor;

/**
 * One op's use of a variable. The op that comes first in the backward pass overwrites the
 * variable's gradient, the others add to it, so no gradient is ever cleared.
 */
public final class Input {
  private final Variable variable;
  private boolean add;
  private Gradient into; // made when it is first asked for

  Input(Variable variable) {
    this.variable = variable;
  }

  public Tensor value() {
    return variable.value();
  }

  public Tensor gradient() {
    return variable.gradient();
  }

  /** Whether backward must add to the gradient rather than overwrite it. */
  public boolean add() {
    return add;
  }

  /** Where backward stores the gradient, and whether it must add to it. */
  public Gradient into() {
    if (into == null) {
      into = Gradient.of(gradient(), add);
    }
    return into;
  }

  public Variable variable() {
    return variable;
  }

  public Slot valueSlot() {
    return variable.valueSlot();
  }

  public Slot gradientSlot() {
    return variable.gradientSlot();
  }

  void plan() {
    add = !variable.isConstant() && variable.writeGradient();
  }
}
