package org.pygpt.jobs;

import org.pygpt.train.Training;

/** Mutable: the forward of a batch, whose backward is a {@link WeighedJob}. */
public final class LossesJob extends Job {
  private final Training training;
  private final int[] ids;
  private final int[] targets;
  private final int B;
  private final int T;
  private double[] losses;

  /** A forward of (B, T) tokens, row by row; a negative target is not scored. */
  public LossesJob(Training training, int[] ids, int[] targets, int B, int T) {
    this.training = training;
    this.ids = ids;
    this.targets = targets;
    this.B = B;
    this.T = T;
  }

  @Override
  protected void run() {
    try (var _ = training.turn()) {
      training.resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      training.setBatch(ids, targets, B, T);
      losses = training.losses(B, T);
    }
  }

  @Override
  protected void interrupt() {
    training.cancel();
  }

  /** Cross-entropy in nats of each token, once done. */
  public double[] losses() {
    return losses;
  }
}
