package org.pygpt.jobs;

import org.pygpt.vectors.WordVectorTraining;

/** Mutable: all of a training of word vectors, for callers that must stay interruptible. */
public final class WordVectorJob extends Job {
  private final WordVectorTraining training;

  /** The job; the training's vectors must be there. */
  public WordVectorJob(WordVectorTraining training) {
    this.training = training;
  }

  @Override
  protected void run() {
    training.run(this::throwIfCancelled);
  }
}
