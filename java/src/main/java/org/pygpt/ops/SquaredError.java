package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Mean of (out - target)², over all numbers of all rows: the last op of the tape. On a tape that
 * trains, forward also writes its gradient, 2 (out - target) / n.
 */
public final class SquaredError implements Op {
  private final Variable out;
  private final Tensor targets;
  private final Slot difference;
  private final boolean training;
  private double value;

  /** Reads {@code targets}, (rows, columns of out), at each step. */
  public SquaredError(Tape tape, Variable out, Tensor targets) {
    this.out = out;
    this.targets = targets;
    training = tape.training();
    difference = training ? out.gradientSlot() : tape.slot(targets.rows(), targets.columns());
  }

  /** The loss of the last forward. */
  public double value() {
    return value;
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(out.valueSlot(), difference);
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>();
    slots.add(out.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    long count = (long) rows * out.columns();
    Tensor into = difference.tensor();
    subtract(kernels, rows, out.value(), targets, into);
    value = kernels.sumOfSquares(into.flat(count)) / count;
    if (training) {
      kernels.scale(rows, 2.0 / count, into, into);
    }
  }

  /** into = values - targets. */
  static void subtract(Kernels kernels, int rows, Tensor values, Tensor targets, Tensor into) {
    long count = (long) rows * values.columns();
    kernels.copy(rows, values, into, 0);
    kernels.addScaled(-1, targets.flat(count), into.flat(count), true, false);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    // done by forward
  }

  @Override
  public String describe() {
    return "squared error  of " + out.columns() + " numbers";
  }
}
