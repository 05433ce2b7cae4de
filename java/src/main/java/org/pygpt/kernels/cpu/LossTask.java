package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.tensor.Tensor;

/** Mutable: cross-entropy of each row, and its gradient. */
final class LossTask extends RowTask {
  private Tensor logits;
  private CrossEntropy loss;
  private double[] losses = new double[0];
  private float mean; // weight of a row where rows have none of their own

  LossTask(Team team, Staging[] stagings) {
    super(team, stagings, 0);
  }

  /** Runs on all rows; returns their weighted sum, without weights their mean. */
  double sum(int rows, Tensor logits, CrossEntropy loss) {
    this.logits = logits;
    this.loss = loss;
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += EmbeddingTasks.id(loss.targets(), row) >= 0 ? 1 : 0;
    }
    if (losses.length < rows) {
      losses = new double[rows];
    }
    mean = 1f / Math.max(1, scored);
    runRows(rows, logits.columns());
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      sum += losses[row];
    }
    return loss.weights() != null || scored == 0 ? sum : sum / scored;
  }

  @Override
  void block(boolean vectors, Staging staging, int worker, int row, int count) {
    int V = logits.columns();
    Tensor dLogits = loss.dLogits();
    for (int r = row; r < row + count; r++) {
      int target = EmbeddingTasks.id(loss.targets(), r);
      losses[r] = 0;
      float[] x = staging.array(0, V);
      float weight = loss.weights() == null ? mean : staging.read(1, loss.weights(), r, 1)[0];
      if (target >= 0) {
        staging.read(0, logits, r, 1);
        losses[r] = crossEntropy(vectors, staging, x, V, target, weight);
      } else if (dLogits != null) {
        Arrays.fill(x, 0, V, 0);
      }
      if (loss.losses() != null) {
        float[] one = staging.array(2, 1);
        one[0] = (float) losses[r];
        Staging.write(one, loss.losses(), r, 1);
      }
      if (loss.weights() != null) {
        losses[r] *= weight;
      }
      if (dLogits != null) {
        Staging.write(x, dLogits, r, 1);
      }
    }
  }

  /** Turns the logits of one position into their gradient; returns the loss. */
  private double crossEntropy(
      boolean vectors, Staging staging, float[] x, int V, int target, float weight) {
    float max = ElementMath.max(vectors, x, V);
    double atTarget = x[target] - max;
    double sum = ElementMath.expAndSum(vectors, x, V, max, staging.lanes());
    if (loss.dLogits() != null) {
      ElementMath.scale(vectors, x, V, (float) (weight / sum));
      x[target] -= weight;
    }
    return Math.log(sum) - atTarget;
  }
}
