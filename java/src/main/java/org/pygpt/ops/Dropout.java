package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;

/** Dropout of x + bias; the output takes the place of x in memory. */
public final class Dropout implements Op {
  private final int index;
  private final Variable x;
  private final Parameter bias;
  private final DropoutMask mask;
  private final Variable out;

  /**
   * Binds the op; x must have no other reader.
   *
   * @param index a number of its own among the tape's users of random numbers
   * @param bias of the linear layer that made x; null for none
   */
  public Dropout(int index, double probability, Variable x, Parameter bias, Variable out) {
    this.index = index;
    this.x = x;
    this.bias = bias;
    this.mask = new DropoutMask(probability);
    this.out = out;
    out.takeValueSlot(x);
    out.constantIf(x.isConstant() && Parameter.isFrozen(bias));
  }

  /** The key of the {@code index}-th user of random numbers in a step: SplitMix64's mixing. */
  static long key(Step step, int index) {
    long z = step.dropoutKey() + (index + 1) * 0x9e3779b97f4a7c15L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(out.gradientSlot(), x.gradientSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    mask.setKey(key(step, index));
    kernels.dropout(step.rows(), x.value(), Parameter.valueOf(bias), mask, out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.dropoutBackward(step.rows(), out.gradient(), mask, x.gradient());
    Gradient dBias = Parameter.gradientOf(bias, step);
    if (dBias != null) {
      kernels.biasBackward(step.rows(), x.gradient(), dBias);
    }
  }

  @Override
  public String describe() {
    return "dropout" + (bias == null ? "" : " of + " + bias.name());
  }
}
