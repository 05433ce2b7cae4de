package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * The output matrix on the last position of each sequence alone, which is all that generation
 * reads: (B * T, C) -> (B, V). Forward only.
 *
 * @param weight (V, C)
 * @param bias null for none
 * @param last (B, C), for the rows that are read
 */
public record LastLogits(Variable x, Parameter weight, Parameter bias, Slot last, Variable out)
    implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), last, out.valueSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    if (!step.logits()) {
      return;
    }
    Tensor rows = x.value();
    int T = step.T();
    if (T > 1) {
      for (int b = 0; b < step.B(); b++) {
        kernels.copy(1, x.value().rows(b * T + T - 1, 1), last.tensor(), b);
      }
      rows = last.tensor();
    }
    weight.multiply(kernels, true, step.B(), false, rows, out.value()); // (B, C) @ (C, V) -> (B, V)
    if (bias != null) {
      kernels.bias(step.B(), bias.value(), out.value());
    }
  }

  @Override
  public String describe() {
    return "linear  " + weight + " on the last position of each sequence";
  }
}
