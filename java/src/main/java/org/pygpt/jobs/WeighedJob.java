package org.pygpt.jobs;

import org.pygpt.train.Training;

/** Mutable: the backward of a batch whose forward was a {@link LossesJob}. */
public final class WeighedJob extends Job {
  private final Training training;
  private final double[] weights;

  /** A backward of the sum of weight * loss of each token. */
  public WeighedJob(Training training, double[] weights) {
    this.training = training;
    this.weights = weights;
  }

  @Override
  protected void run() {
    try (var _ = training.turn()) {
      training.resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      training.backward(weights);
    }
  }

  @Override
  protected void interrupt() {
    training.cancel();
  }
}
