package org.pygpt.runs;

import java.util.Arrays;
import org.pygpt.datasets.Batch;
import org.pygpt.datasets.Sampler;
import org.pygpt.files.FileException;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.Session;

/** Mutable: how well a model predicts text that it did not learn from; owns a tape for that. */
final class Evaluator implements AutoCloseable {
  private static final long LOGITS_AT_ONCE = 1 << 26; // numbers: 256 MB

  private final GPT model;
  private volatile Session session;
  private int tokens;

  Evaluator(GPT model) {
    this.model = model;
  }

  /** Mean loss of the targets of at most {@code count} batches, 0 for all, in nats. */
  double loss(Sampler sampler, int count) {
    double[] total = {0, 0}; // loss and number of targets
    sampler.forEvaluation(
        count,
        batch -> {
          int scored = batch.scored();
          total[0] += loss(batch) * scored;
          total[1] += scored;
        });
    if (total[1] == 0) {
      throw new FileException("validation data: expected tokens to predict, got none");
    }
    return total[0] / total[1];
  }

  /** Mean loss of a batch, whose rows are taken so many at once that their logits are not large. */
  private double loss(Batch batch) {
    int T = batch.columns();
    int rows = (int) Math.max(1, LOGITS_AT_ONCE / ((long) T * model.config().vocabSize()));
    double total = 0;
    int scored = 0;
    for (int row = 0; row < batch.rows(); row += rows) {
      int B = Math.min(rows, batch.rows() - row);
      int[] ids = Arrays.copyOfRange(batch.ids(), row * T, (row + B) * T);
      int[] targets = Arrays.copyOfRange(batch.targets(), row * T, (row + B) * T);
      int count = new Batch(ids, targets, B, T).scored();
      total += forward(ids, targets, B, T) * count;
      scored += count;
    }
    return scored == 0 ? 0 : total / scored;
  }

  private double forward(int[] ids, int[] targets, int B, int T) {
    if (session == null || B * T > tokens) {
      close();
      session = model.evaluation(B, T);
      tokens = B * T;
    }
    Step step = Step.forward(B, T);
    try (var _ = session.turn()) {
      session.setBatch(ids, targets, step.rows());
      session.forward(step);
      return session.loss();
    }
  }

  /** Breaks off the evaluation that goes on, or the next one. */
  void cancel() {
    Session current = session;
    if (current != null) {
      current.tape().cancel();
    }
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
      session = null;
    }
  }
}
