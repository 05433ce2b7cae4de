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
 */
public final class LastLogits implements Op {
  private final Variable x;
  private final Parameter weight;
  private final Slot last;
  private final Variable out;

  /**
   * Binds the op.
   *
   * @param weight (V, C)
   * @param last (B, C), for the rows that are read
   */
  public LastLogits(Variable x, Parameter weight, Slot last, Variable out) {
    this.x = x;
    this.weight = weight;
    this.last = last;
    this.out = out;
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), last, out.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of();
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
    weight.multiply(kernels, true, step.B(), rows, out.value()); // (B, C) @ (C, V) -> (B, V)
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    throw new UnsupportedOperationException("logits of the last position run forward only");
  }

  @Override
  public String describe() {
    return "linear  " + weight + " on the last position of each sequence";
  }
}
