package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.Kernels;
import org.pygpt.text.Choice;

/**
 * out = activation(x + bias); backward computes it again from x.
 *
 * @param bias of the linear layer that made x; null for none
 */
public record FeedForwardActivation(Activation kind, Input x, Parameter bias, Variable out)
    implements Op {
  /**
   * Binds the op; without a gate, x and out share one gradient slot, so x must have no other
   * reader.
   */
  public FeedForwardActivation {
    out.constantIf(x.variable().isConstant() && Parameter.isFrozen(bias));
    if (kind.inputsPerOutput() == 1) {
      out.shareGradient(x.variable());
    }
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), out.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>();
    slots.add(x.valueSlot());
    slots.add(out.gradientSlot());
    slots.add(x.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.activation(kind, step.rows(), x.value(), Parameter.valueOf(bias), out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.activationBackward(
        kind,
        step.rows(),
        x.value(),
        Parameter.valueOf(bias),
        out.gradient(),
        x.gradient(),
        Parameter.gradientOf(bias, step));
  }

  @Override
  public String describe() {
    return Choice.name(kind) + (bias == null ? "" : " of + " + bias.name());
  }
}
