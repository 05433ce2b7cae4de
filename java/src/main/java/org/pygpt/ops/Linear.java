package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.Tensor;

/**
 * Linear layer: out = x @ weight + bias.
 *
 * <p>The weight lies as its checkpoint has it: (in, out) for the layers inside a block (GPT-2's
 * Conv1D), (out, in) for an output head. Where an op that follows adds the bias, in a pass that it
 * makes anyway, this op has none.
 *
 * @param bias null for none
 * @param outputsAreRows whether the weight is (out, in)
 */
public record Linear(
    Input x, Parameter weight, Parameter bias, boolean outputsAreRows, Variable out) implements Op {
  /** Binds the op. */
  public Linear {
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
    Gradient dWeight = Parameter.gradientOf(weight, step);
    if (dWeight != null && outputsAreRows) {
      // (out, rows) @ (rows, in) -> (out, in)
      MatMul shape = new MatMul(features, in, rows, true, false, dWeight.add());
      kernels.gemm(shape, dOut, x.value(), dWeight.tensor());
    } else if (dWeight != null) {
      // (in, rows) @ (rows, out) -> (in, out)
      MatMul shape = new MatMul(in, features, rows, true, false, dWeight.add());
      kernels.gemm(shape, x.value(), dOut, dWeight.tensor());
    }
    Gradient dBias = Parameter.gradientOf(bias, step);
    if (dBias != null) {
      kernels.biasBackward(rows, dOut, dBias);
    }
    if (!x.variable().isConstant()) {
      // (rows, out) @ (out, in) -> (rows, in)
      MatMul shape = new MatMul(rows, in, features, false, !outputsAreRows, x.add());
      kernels.gemm(shape, dOut, weight.value(), x.gradient());
    }
  }

  @Override
  public String describe() {
    return "linear  " + weight + (bias == null ? "" : " + " + bias.name());
  }
}
