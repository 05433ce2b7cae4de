package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.Kernels;

/**
 * out = scale * x, and with a cap, out = cap * tanh(scale * x / cap). Without a cap the output
 * takes the place of x in memory; x is scaled in place in any case.
 *
 * @param cap 0 for none
 * @param last whether there is one row for each sequence, as {@link LastLogits} has them
 */
public record ShapedLogits(double scale, double cap, boolean last, Variable x, Variable out)
    implements Op {
  /** Binds the op; x and out share one gradient, so x must have no other reader. */
  public ShapedLogits {
    if (cap == 0) {
      out.takeValueSlot(x);
    }
    out.shareGradient(x);
    out.constantIf(x.isConstant());
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
    return List.of(x.valueSlot(), out.gradientSlot());
  }

  private int rows(Step step) {
    return last ? step.B() : step.rows();
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    if (last && !step.logits()) {
      return;
    }
    int rows = rows(step);
    if (cap == 0) {
      kernels.scale(rows, scale, x.value(), out.value());
    } else {
      kernels.scale(rows, scale / cap, x.value(), x.value());
      kernels.activation(Activation.TANH, rows, x.value(), null, out.value());
      kernels.scale(rows, cap, out.value(), out.value());
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    int rows = rows(step);
    if (cap > 0) {
      kernels.activationBackward(
          Activation.TANH, rows, x.value(), null, out.gradient(), x.gradient(), null);
    }
    kernels.scale(rows, scale, out.gradient(), x.gradient());
  }

  @Override
  public String describe() {
    return "logits times " + scale + (cap == 0 ? "" : ", capped at " + cap);
  }
}
