package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Mean cross-entropy of the targets: the last op of the tape. On a tape that trains, forward also
 * writes the gradient of the logits over the logits, so that backward has nothing left to do.
 */
public final class Loss implements Op {
  private final Variable logits;
  private final Tensor targets;
  private double value;

  /** Reads {@code targets}, int32 (B * T, 1), at each step; a negative one is not scored. */
  public Loss(Variable logits, Tensor targets) {
    this.logits = logits;
    this.targets = targets;
    logits.overwriteByGradient();
  }

  /** The loss of the last forward, in nats for each scored position. */
  public double value() {
    return value;
  }

  @Override
  public boolean isConstant() {
    return logits.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(logits.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(logits.gradientSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    value =
        kernels.crossEntropy(
            step.rows(),
            logits.value(),
            CrossEntropy.mean(targets, logits.gradient(), step.share()));
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    // done by forward
  }

  @Override
  public String describe() {
    return "cross-entropy  of " + logits.columns() + " logits";
  }
}
