package org.pygpt.model;

import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;

/** Mutable: a model as its training sees it. */
public interface Trainable {
  /** What computes. */
  Kernels kernels();

  /** The weights by name, shared. */
  Parameters weights();

  /** That of weights, gradients and activations. */
  DType dtype();

  /**
   * Passes if the weights may be trained.
   *
   * @throws IllegalStateException if they are rounded
   */
  void requireTrainable();

  /** Tells that the weights have changed. */
  void changed();

  /** Waits until no other thread uses the model. */
  GPT.Turn turn();

  /** A {@link #turn} to free memory in, which a closed model gives too. */
  GPT.Turn lastTurn();
}
