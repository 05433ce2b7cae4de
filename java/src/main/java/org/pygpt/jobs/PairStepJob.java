package org.pygpt.jobs;

import org.pygpt.train.PairTraining;

/**
 * Mutable: backward of a batch of pairs and one update, for callers that must stay interruptible.
 */
public final class PairStepJob extends Job {
  private final PairTraining training;
  private final int[] sources;
  private final int[] lengths;
  private final int[] ids;
  private final int[] next;
  private final int[] size;
  private final double learningRate;
  private double loss;

  /**
   * A step on a batch; see {@link PairTraining#setBatch}.
   *
   * @param size B, S and T
   * @param learningRate not a number for no update
   */
  public PairStepJob(
      PairTraining training,
      int[] sources,
      int[] lengths,
      int[] ids,
      int[] next,
      int[] size,
      double learningRate) {
    this.training = training;
    this.sources = sources;
    this.lengths = lengths;
    this.ids = ids;
    this.next = next;
    this.size = size;
    this.learningRate = learningRate;
  }

  @Override
  protected void run() {
    try (var _ = training.turn()) {
      training.resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      training.setBatch(sources, lengths, ids, next, size[0], size[1], size[2]);
      loss = training.backward();
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
