package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;

/**
 * Copies the gradient of x, for those who want to look at it: in backward, once all ops that come
 * later have added to it and before those that come earlier overwrite it. Forward does nothing.
 *
 * @param out persistent, as large as x
 */
public record GradientTap(Variable x, Slot out) implements Op {
  @Override
  public boolean isConstant() {
    return x.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of();
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(x.gradientSlot(), out);
  }

  @Override
  public void forward(Kernels kernels, Step step) {}

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.copy(step.rows(), x.gradient(), out.tensor(), 0);
  }

  @Override
  public String describe() {
    return "copy of a gradient";
  }
}
