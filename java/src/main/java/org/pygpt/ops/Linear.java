package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Linear layer: out = x @ weight + bias.
 *
 * <p>The weight lies as its checkpoint has it: (in, out) for the layers inside a block (GPT-2's
 * Conv1D), (out, in) for an output head. Where an op that follows adds the bias, in a pass that it
 * makes anyway, this op has none.
 */
public final class Linear implements Op {
  private final Input x;
  private final Parameter weight;
  private final Parameter bias;
  private final boolean outputsAreRows;
  private final Variable out;

  /**
   * Binds the op.
   *
   * @param bias null for none
   * @param outputsAreRows whether the weight is (out, in)
   */
  public Linear(Input x, Parameter weight, Parameter bias, boolean outputsAreRows, Variable out) {
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.outputsAreRows = outputsAreRows;
    this.out = out;
    out.constantIf(
        x.variable().isConstant() && Parameter.isFrozen(weight) && Parameter.isFrozen(bias));
  }

  @Override
  public List<Input> inputs() {
    return List.of(x);
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
    slots.add(out.gradientSlot());
    slots.add(Parameter.isFrozen(weight) ? null : x.valueSlot());
    slots.add(x.variable().isConstant() ? null : x.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    weight.multiply(kernels, outputsAreRows, rows, x.value(), out.value());
    if (bias != null) {
      kernels.bias(rows, bias.value(), out.value());
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    Tensor dOut = out.gradient();
    int in = x.variable().columns();
    int features = out.columns();
    int rows = step.rows();
    boolean add = step.accumulate();
    if (Parameter.isFrozen(weight)) {
      // its gradient is not wanted
    } else if (outputsAreRows) {
      // (out, rows) @ (rows, in) -> (out, in)
      kernels.gemm(true, false, features, in, rows, dOut, x.value(), add, weight.gradient());
    } else {
      // (in, rows) @ (rows, out) -> (in, out)
      kernels.gemm(true, false, in, features, rows, x.value(), dOut, add, weight.gradient());
    }
    if (!Parameter.isFrozen(bias)) {
      kernels.biasBackward(rows, dOut, add, bias.gradient());
    }
    if (!x.variable().isConstant()) {
      // (rows, out) @ (out, in) -> (rows, in)
      kernels.gemm(
          false, !outputsAreRows, rows, in, features, dOut, weight.value(), x.add(), x.gradient());
    }
  }

  @Override
  public String describe() {
    return "linear  " + weight + (bias == null ? "" : " + " + bias.name());
  }
}
