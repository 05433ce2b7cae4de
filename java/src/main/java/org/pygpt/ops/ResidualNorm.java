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
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.Residual;

/**
 * A residual sum and the norm that reads it, in one pass: sum = x + branch + bias, out = norm(sum).
 * Either half may be missing: the first norm has no branch, and a model without a final norm ends
 * in a bare sum.
 *
 * <p>x, branch and sum share one gradient: d(x) = d(branch) = d(sum), and whatever else reads x
 * adds to it later in the backward pass. The sum takes the place of the branch in memory, so the
 * branch must have no other reader.
 */
public final class ResidualNorm implements Op {
  private final Variable x;
  private final Branch branch;
  private final Norm norm;
  private final org.pygpt.kernels.Norm kernel; // null without a norm
  private Residual residual; // null without a branch

  /**
   * What is added.
   *
   * @param bias of the layer that made the value; null for none
   */
  public record Branch(Variable value, Parameter bias, Variable sum) {
    private Residual residual(Variable x) {
      return new Residual(x.value(), value.value(), Parameter.valueOf(bias), sum.value());
    }
  }

  /**
   * How the sum is normalised.
   *
   * @param input the use of the sum
   * @param weight null for a gain of 1
   * @param bias null for none
   * @param statistics (rows, 2)
   */
  public record Norm(
      NormSpec spec, Input input, Parameter weight, Parameter bias, Variable out, Slot statistics) {
    private org.pygpt.kernels.Norm kernel() {
      return new org.pygpt.kernels.Norm(spec, Parameter.valueOf(weight), Parameter.valueOf(bias));
    }
  }

  /**
   * Binds the op.
   *
   * @param branch null if {@code x} is normalised as it is
   * @param norm null if the sum is not normalised
   */
  public ResidualNorm(Variable x, Branch branch, Norm norm) {
    this.x = x;
    this.branch = branch;
    this.norm = norm;
    kernel = norm == null ? null : norm.kernel();
    if (branch != null) {
      branch.sum.shareGradient(x);
      branch.sum.shareGradient(branch.value);
      branch.sum.takeValueSlot(branch.value);
      branch.sum.constantIf(
          x.isConstant() && branch.value.isConstant() && Parameter.isFrozen(branch.bias));
    }
    if (norm != null) {
      norm.out.constantIf(
          norm.input.variable().isConstant()
              && Parameter.isFrozen(norm.weight)
              && Parameter.isFrozen(norm.bias));
    }
  }

  @Override
  public List<Input> inputs() {
    return norm == null ? List.of() : List.of(norm.input);
  }

  @Override
  public boolean isConstant() {
    return norm == null ? branch.sum.isConstant() : norm.out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(x.valueSlot()));
    if (branch != null) {
      slots.add(branch.sum.valueSlot());
    }
    if (norm != null) {
      slots.addAll(List.of(norm.out.valueSlot(), norm.statistics));
    }
    return slots;
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(x.gradientSlot()));
    if (norm != null) {
      slots.addAll(List.of(norm.input.valueSlot(), norm.out.gradientSlot(), norm.statistics));
    }
    return slots;
  }

  @Override
  public void bind() {
    residual = branch == null ? null : branch.residual(x);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    if (norm == null) {
      kernels.residual(rows, residual);
    } else if (branch == null) {
      kernels.norm(rows, kernel, x.value(), norm.out.value(), norm.statistics.tensor());
    } else {
      kernels.residualNorm(rows, residual, kernel, norm.out.value(), norm.statistics.tensor());
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    if (norm != null) {
      kernels.normBackward(
          step.rows(),
          kernel,
          norm.out.gradient(),
          norm.input.value(),
          norm.statistics.tensor(),
          norm.input.into(),
          Parameter.gradientOf(norm.weight, step),
          Parameter.gradientOf(norm.bias, step));
    }
    Gradient dBias = branch == null ? null : Parameter.gradientOf(branch.bias, step);
    if (dBias != null) {
      kernels.biasBackward(step.rows(), branch.sum.gradient(), dBias);
    }
  }

  @Override
  public String describe() {
    List<String> parts = new ArrayList<>();
    if (branch != null) {
      parts.add("residual" + (branch.bias == null ? "" : " + " + branch.bias.name()));
    }
    if (norm != null) {
      String kind = norm.spec.centred() ? "layernorm" : "rmsnorm";
      parts.add(kind + (norm.weight == null ? "" : " " + norm.weight.name()));
    }
    return String.join(", ", parts);
  }
}
