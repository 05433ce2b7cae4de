package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Multiplies what each head has read, in place: by 1 as the model has it, by 0 as if the head read
 * nothing. Forward only.
 *
 * @param scales shared, read at each step
 * @param first index there of head 0
 * @param x (rows, H * D)
 */
public record HeadScales(double[] scales, int first, int H, Variable x) implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int D = x.columns() / H;
    for (int h = 0; h < H; h++) {
      if (scales[first + h] != 1) {
        Tensor head = x.value().columns(h * D, D);
        kernels.scale(step.rows(), scales[first + h], head, head);
      }
    }
  }

  @Override
  public String describe() {
    return "scales of " + H + " heads";
  }
}
