package org.pygpt.jobs;

import org.pygpt.train.Training;

/**
 * Mutable: one backward of a trainer's batch and, where a learning rate is given, one update; for
 * callers that must stay interruptible.
 */
public final class StepJob extends Job {
  private final Training trainer;
  private final int B;
  private final int T;
  private final double learningRate;
  private double loss;

  /**
   * A step on the batch that lies in the trainer's ids and targets.
   *
   * @param learningRate not a number for no update
   */
  public StepJob(Training trainer, int B, int T, double learningRate) {
    this.trainer = trainer;
    this.B = B;
    this.T = T;
    this.learningRate = learningRate;
  }

  @Override
  protected void run() {
    trainer.resetCancel();
    throwIfCancelled(); // a cancel that came before the reset
    loss = trainer.backward(B, T);
    if (!Double.isNaN(learningRate)) {
      trainer.update(learningRate);
    }
  }

  @Override
  protected void interrupt() {
    trainer.cancel();
  }

  /** Mean cross-entropy in nats, once done. */
  public double loss() {
    return loss;
  }
}
