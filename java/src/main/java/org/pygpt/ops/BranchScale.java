package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.Residual;

/**
 * sum = x + scale * (sum - x), in place: with scale 1 the sum as it is, to the bit, with 0 as if
 * the branch did not exist. Forward only.
 *
 * @param scales shared, read at each step
 * @param index of this branch's
 * @param x what the branch was added to
 * @param rest (rows, C), for what is kept of x
 * @param sum x and the branch
 */
public record BranchScale(double[] scales, int index, Variable x, Slot rest, Variable sum)
    implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), rest, sum.valueSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    double scale = scales[index];
    if (scale == 1) {
      return;
    }
    int rows = step.rows();
    kernels.scale(rows, 1 - scale, x.value(), rest.tensor());
    kernels.scale(rows, scale, sum.value(), sum.value());
    kernels.residual(rows, new Residual(rest.tensor(), sum.value(), null, sum.value()));
  }

  @Override
  public String describe() {
    return "scale of a branch";
  }
}
