package org.pygpt.jobs;

import org.pygpt.train.Training;

/**
 * Mutable: one backward of a batch and, where a learning rate is given, one update; for callers
 * that must stay interruptible.
 */
public final class StepJob extends Job {
  private final Training training;
  private final int[] ids;
  private final int[] targets;
  private final int B;
  private final int T;
  private final double learningRate;
  private final double share;
  private double loss;

  /**
   * A step on a batch.
   *
   * @param ids (B, T) row by row
   * @param targets likewise; a negative one is not scored
   * @param learningRate not a number for no update
   */
  public StepJob(Training training, int[] ids, int[] targets, int B, int T, double learningRate) {
    this(training, ids, targets, B, T, learningRate, 1);
  }

  /**
   * A step on a batch that is one of several.
   *
   * @param share see {@link Training#backward(int, int, double)}
   */
  public StepJob(
      Training training,
      int[] ids,
      int[] targets,
      int B,
      int T,
      double learningRate,
      double share) {
    this.training = training;
    this.ids = ids;
    this.targets = targets;
    this.B = B;
    this.T = T;
    this.learningRate = learningRate;
    this.share = share;
  }

  @Override
  protected void run() {
    try (var _ = training.turn()) {
      training.resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      training.setBatch(ids, targets, B, T);
      loss = training.backward(B, T, share);
      if (!Double.isNaN(learningRate)) {
        training.update(learningRate);
      }
    }
  }

  @Override
  protected void interrupt() {
    training.cancel();
  }

  /** Mean cross-entropy in nats, once done. */
  public double loss() {
    return loss;
  }
}
