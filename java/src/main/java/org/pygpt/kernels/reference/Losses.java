package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.CrossEntropy;
import org.pygpt.tensor.Tensor;

/** Cross-entropy; derived in docs/maths/cross-entropy.md. */
final class Losses {
  private Losses() {}

  /**
   * For each row: loss = log(sum over i of e^logits[i]) - logits[target], dLogits = weight *
   * (softmax(logits) - onehot(target)); returns the sum of weight * loss.
   */
  static double crossEntropy(int rows, Tensor logits, CrossEntropy spec) {
    double mean = 1.0 / Math.max(1, scored(rows, spec.targets()));
    double total = 0;
    for (int row = 0; row < rows; row++) {
      int target = (int) get(spec.targets(), row, 0);
      boolean scores = target >= 0;
      double weight = spec.weights() == null ? mean : get(spec.weights(), row, 0);
      double logsumexp = logsumexp(logits, row);
      double loss = scores ? logsumexp - get(logits, row, target) : 0;
      total += scores ? weight * loss : 0;
      if (spec.losses() != null) {
        set(spec.losses(), row, 0, loss);
      }
      for (int i = 0; spec.dLogits() != null && i < logits.columns(); i++) {
        double probability = Math.exp(get(logits, row, i) - logsumexp);
        double d = scores ? weight * (probability - (i == target ? 1 : 0)) : 0;
        set(spec.dLogits(), row, i, d);
      }
    }
    return total;
  }

  private static int scored(int rows, Tensor targets) {
    int count = 0;
    for (int row = 0; row < rows; row++) {
      count += get(targets, row, 0) >= 0 ? 1 : 0;
    }
    return count;
  }

  /** log(sum of e^x) of a row, minus and plus its maximum, so that nothing overflows. */
  private static double logsumexp(Tensor x, int row) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < x.columns(); i++) {
      max = Math.max(max, get(x, row, i));
    }
    double sum = 0;
    for (int i = 0; i < x.columns(); i++) {
      sum += Math.exp(get(x, row, i) - max);
    }
    return max + Math.log(sum);
  }
}
