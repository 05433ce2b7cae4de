package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.tensor.Tensor;

/** Mutable: cross-entropy of each row, and its gradient. */
final class LossTask extends RowTask {
  Tensor logits;
  Tensor targets;
  Tensor dLogits;
  private double[] losses = new double[0];
  private float weight;

  LossTask(Team team, Staging[] stagings) {
    super(team, stagings, 0);
  }

  /** Runs on all rows; returns the mean over those that are scored. */
  double mean(int rows) {
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += EmbeddingTasks.id(targets, row) >= 0 ? 1 : 0;
    }
    if (losses.length < rows) {
      losses = new double[rows];
    }
    weight = 1f / Math.max(1, scored);
    runRows(rows, logits.columns());
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      sum += losses[row];
    }
    return scored == 0 ? 0 : sum / scored;
  }

  @Override
  void block(boolean vectors, Staging staging, int worker, int row, int count) {
    int V = logits.columns();
    for (int r = row; r < row + count; r++) {
      int target = EmbeddingTasks.id(targets, r);
      losses[r] = 0;
      if (target < 0 && dLogits == null) {
        continue;
      }
      float[] x = staging.array(0, V);
      if (target < 0) {
        Arrays.fill(x, 0, V, 0);
      } else {
        staging.read(0, logits, r, 1);
        losses[r] = crossEntropy(vectors, staging, x, V, target);
      }
      if (dLogits != null) {
        Staging.write(x, dLogits, r, 1);
      }
    }
  }

  /** Turns the logits of one position into their gradient; returns the loss. */
  private double crossEntropy(boolean vectors, Staging staging, float[] x, int V, int target) {
    float max = ElementMath.max(vectors, x, V);
    double atTarget = x[target] - max;
    double sum = ElementMath.expAndSum(vectors, x, V, max, staging.lanes());
    if (dLogits != null) {
      ElementMath.scale(vectors, x, V, (float) (weight / sum));
      x[target] -= weight;
    }
    return Math.log(sum) - atTarget;
  }
}
