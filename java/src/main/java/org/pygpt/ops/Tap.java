package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;

/**
 * out = x + bias, for those who want to look at what the ops that follow overwrite, or never write.
 * Forward only.
 *
 * @param bias of the linear layer that made x; null for none
 * @param out persistent, as large as x
 */
public record Tap(Variable x, Parameter bias, Slot out) implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), out);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.copy(step.rows(), x.value(), out.tensor(), 0);
    if (bias != null) {
      kernels.bias(step.rows(), bias.value(), out.tensor());
    }
  }

  @Override
  public String describe() {
    return "copy" + (bias == null ? "" : " + " + bias.name());
  }
}
