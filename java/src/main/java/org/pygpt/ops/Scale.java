package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;

/** out = factor * x; the output takes the place of x in memory. */
public record Scale(double factor, Variable x, Variable out) implements Op {
  /** Binds the op; x must have no other reader. */
  public Scale {
    out.takeValueSlot(x);
    out.constantIf(x.isConstant());
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(out.gradientSlot(), x.gradientSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.scale(step.rows(), factor, x.value(), out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.scale(step.rows(), factor, out.gradient(), x.gradient());
  }

  @Override
  public String describe() {
    return "times " + factor;
  }
}
