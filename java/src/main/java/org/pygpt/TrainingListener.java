package org.pygpt;

import org.pygpt.runs.Metrics;

/** What is told of a run's steps, on the thread that trains. */
public interface TrainingListener {
  /** Is called after each step, and after the evaluation and the checkpoint that came with it. */
  void onStep(Trainer trainer, Metrics metrics);

  /** Is called when the run has ended, or was stopped. */
  default void onEnd(Trainer trainer) {}
}
