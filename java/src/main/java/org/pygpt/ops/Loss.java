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
 *
 * <p>{@link #byRows By rows} forward gives the loss of each row and leaves the logits; backward is
 * that of a sum of rows with weights, which may have been made of those losses.
 */
public final class Loss implements Op {
  private final Variable logits;
  private final Tensor targets;
  private Tensor rowLosses; // null for the mean
  private Tensor rowWeights;
  private double value;

  /** Reads {@code targets}, int32 (B * T, 1), at each step; a negative one is not scored. */
  public Loss(Variable logits, Tensor targets) {
    this.logits = logits;
    this.targets = targets;
    logits.overwriteByGradient();
  }

  /**
   * From the next forward on, gives the loss of each row.
   *
   * @param losses one column, overwritten by forward; null for the mean again
   * @param weights one column, read by backward: what is differentiated is their product, summed
   */
  public void byRows(Tensor losses, Tensor weights) {
    rowLosses = losses;
    rowWeights = weights;
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
    CrossEntropy loss =
        rowLosses == null
            ? CrossEntropy.mean(targets, logits.gradient(), step.share())
            : new CrossEntropy(targets, null, rowLosses, null);
    value = kernels.crossEntropy(step.rows(), logits.value(), loss);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    if (rowLosses != null) {
      CrossEntropy loss = new CrossEntropy(targets, rowWeights, null, logits.gradient());
      kernels.crossEntropy(step.rows(), logits.value(), loss);
    } // else done by forward
  }

  @Override
  public String describe() {
    return "cross-entropy  of " + logits.columns() + " logits";
  }
}
