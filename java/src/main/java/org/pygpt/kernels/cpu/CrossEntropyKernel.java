package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.tensor.Tensor;

/**
 * Cross-entropy of each row, and its gradient.
 *
 * @param weight of each row where rows have no weights of their own
 * @param losses receives the loss of each row, times its own weight if it has one
 */
record CrossEntropyKernel(Tensor logits, CrossEntropy spec, float weight, double[] losses)
    implements RowKernel {
  /** The weighted sum over rows, without weights their mean. */
  static double run(Workers workers, int rows, Tensor logits, CrossEntropy spec) {
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += EmbeddingKernel.id(spec.targets(), row) >= 0 ? 1 : 0;
    }
    double[] losses = new double[rows];
    float mean = (float) (spec.share() / Math.max(1, scored));
    new CrossEntropyKernel(logits, spec, mean, losses).run(workers, rows, logits.columns());
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return spec.weights() != null || scored == 0 ? sum : sum / scored;
  }

  @Override
  public void block(boolean vectors, Staging staging, int row, int count) {
    for (int r = row; r < row + count; r++) {
      int target = EmbeddingKernel.id(spec.targets(), r);
      if (target >= 0) {
        losses[r] = scored(vectors, staging, r, target);
      } else if (spec.dLogits() != null) {
        float[] x = staging.array(0, logits.columns());
        Arrays.fill(x, 0, logits.columns(), 0);
        Staging.write(x, spec.dLogits(), r, 1);
      }
      if (spec.losses() != null) {
        float[] loss = staging.array(1, 1);
        loss[0] = (float) losses[r];
        Staging.write(loss, spec.losses(), r, 1);
      }
      if (spec.weights() != null) {
        losses[r] *= staging.read(1, spec.weights(), r, 1)[0];
      }
    }
  }

  /** Writes the gradient of a row; returns its unweighted loss. */
  private double scored(boolean vectors, Staging staging, int row, int target) {
    int V = logits.columns();
    float[] x = staging.read(0, logits, row, 1);
    float max = VectorMath.max(vectors, x, V);
    double atTarget = x[target] - max;
    double sum = VectorMath.expAndSum(vectors, x, V, max, staging.lanes());
    if (spec.dLogits() != null) {
      float own = spec.weights() == null ? weight : staging.read(1, spec.weights(), row, 1)[0];
      VectorMath.scale(vectors, x, V, (float) (own / sum));
      x[target] -= own;
      Staging.write(x, spec.dLogits(), row, 1);
    }
    return Math.log(sum) - atTarget;
  }
}
