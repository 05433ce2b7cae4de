package org.pygpt.model;

import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;

/** Mutable: a tape that ends in a loss, with the memory that it reads its tokens from. */
public interface Scored extends AutoCloseable {
  /** The ops and their memory. */
  Tape tape();

  /**
   * Checks the tokens that the next step reads, and uploads them.
   *
   * @throws IllegalArgumentException if an id is outside the vocabulary
   */
  void load(Step step);

  /** Loss of the last forward, in nats. */
  double loss();

  @Override
  void close();
}
