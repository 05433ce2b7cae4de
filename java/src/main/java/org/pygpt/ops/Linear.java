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
 */
public final class Linear implements Op {
  private final Input x;
  private final Parameter weight;
  private final Parameter bias;
  private final boolean outputsAreRows;
  private final Rounding rounding;
  private final Variable out;
  private MatMul weightShape; // of the products of the last backward
  private MatMul inputShape;

  /**
   * Room for copies of the dtype that products are made in.
   *
   * @param x (rows, in); null where x has that dtype
   * @param dOut (rows, out); null where out has that dtype
   */
  public record Rounding(Slot x, Slot dOut) {
    /** Products of what there is. */
    public static final Rounding NONE = new Rounding(null, null);

    private static Tensor of(Kernels kernels, int rows, Tensor tensor, Slot slot) {
      if (slot == null) {
        return tensor;
      }
      kernels.copy(rows, tensor, slot.tensor(), 0);
      return slot.tensor();
    }
  }

  /** A layer whose products are of what there is. */
  public Linear(Input x, Parameter weight, Parameter bias, boolean outputsAreRows, Variable out) {
    this(x, weight, bias, outputsAreRows, Rounding.NONE, out);
  }

  /**
   * Binds the op.
   *
   * @param bias null for none
   * @param outputsAreRows whether the weight is (out, in)
   * @param rounding of what is wider than the products are
   */
  public Linear(
      Input x,
      Parameter weight,
      Parameter bias,
      boolean outputsAreRows,
      Rounding rounding,
      Variable out) {
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.outputsAreRows = outputsAreRows;
    this.rounding = rounding;
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
    List<Slot> slots = new ArrayList<>(List.of(x.valueSlot(), out.valueSlot()));
    slots.add(rounding.x);
    return slots;
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>();
    slots.add(out.gradientSlot());
    slots.add(rounding.dOut);
    slots.add(Parameter.isFrozen(weight) ? null : keptSlot());
    slots.add(x.variable().isConstant() ? null : x.gradientSlot());
    return slots;
  }

  /** Where x is, as forward's product read it. */
  private Slot keptSlot() {
    return rounding.x == null ? x.valueSlot() : rounding.x;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    Tensor input = Rounding.of(kernels, rows, x.value(), rounding.x);
    weight.multiply(kernels, outputsAreRows, rows, step.isLong(), input, out.value());
    if (bias != null) {
      kernels.bias(rows, bias.value(), out.value());
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    Tensor input = keptSlot().tensor();
    Tensor dOut = Rounding.of(kernels, step.rows(), out.gradient(), rounding.dOut);
    int in = x.variable().columns();
    int features = out.columns();
    int rows = step.rows();
    Gradient dWeight = Parameter.gradientOf(weight, step);
    if (dWeight != null) {
      boolean add = dWeight.add();
      if (outputsAreRows) { // (out, rows) @ (rows, in) -> (out, in)
        weightShape = MatMul.like(weightShape, features, in, rows, true, false, add);
        kernels.gemm(weightShape, dOut, input, dWeight.tensor());
      } else { // (in, rows) @ (rows, out) -> (in, out)
        weightShape = MatMul.like(weightShape, in, features, rows, true, false, add);
        kernels.gemm(weightShape, input, dOut, dWeight.tensor());
      }
    }
    Gradient dBias = Parameter.gradientOf(bias, step);
    if (dBias != null) {
      kernels.biasBackward(rows, out.gradient(), dBias);
    }
    if (!x.variable().isConstant()) {
      // (rows, out) @ (out, in) -> (rows, in)
      inputShape = MatMul.like(inputShape, rows, in, features, false, !outputsAreRows, x.add());
      kernels.gemm(inputShape, dOut, weight.product(), x.gradient());
    }
  }

  @Override
  public String describe() {
    return "linear  " + weight + (bias == null ? "" : " + " + bias.name());
  }
}
