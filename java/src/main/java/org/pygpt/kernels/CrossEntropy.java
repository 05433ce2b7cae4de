package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * What a cross-entropy scores, and what it writes.
 *
 * @param targets int32, one column; a negative target is not scored
 * @param weights one column, of the dtype of the logits: the loss is the sum of weight * row loss,
 *     whatever their sign; null to weigh every scored row by 1 / their number
 * @param losses one column, overwritten with the unweighted loss of each row, 0 where it is not
 *     scored; null if nobody wants them
 * @param dLogits overwritten with weight * (softmax(logits) - onehot(target)); may be the logits;
 *     null for no gradient
 * @param share times which the gradient of a mean is written: 1, or what a batch counts for among
 *     several; not for rows with weights of their own
 */
public record CrossEntropy(
    Tensor targets, Tensor weights, Tensor losses, Tensor dLogits, double share) {
  /** With a share of 1. */
  public CrossEntropy(Tensor targets, Tensor weights, Tensor losses, Tensor dLogits) {
    this(targets, weights, losses, dLogits, 1);
  }

  /** The mean over scored rows. */
  public static CrossEntropy mean(Tensor targets, Tensor dLogits) {
    return mean(targets, dLogits, 1);
  }

  /** The mean over scored rows, and its gradient times the share. */
  public static CrossEntropy mean(Tensor targets, Tensor dLogits, double share) {
    return new CrossEntropy(targets, null, null, dLogits, share);
  }
}
