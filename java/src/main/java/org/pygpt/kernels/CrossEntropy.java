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
 */
public record CrossEntropy(Tensor targets, Tensor weights, Tensor losses, Tensor dLogits) {
  /** The mean over scored rows. */
  public static CrossEntropy mean(Tensor targets, Tensor dLogits) {
    return new CrossEntropy(targets, null, null, dLogits);
  }
}
