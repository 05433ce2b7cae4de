package org.pygpt.model;

import java.util.concurrent.locks.ReentrantLock;
import org.pygpt.tensor.ClosedException;

/** Mutable: a model's lock, which threads get in the order in which they come; reentrant. */
final class Turns {
  private final ReentrantLock lock = new ReentrantLock(true);
  private boolean closed; // guarded by lock

  /**
   * Waits until no other thread has a turn.
   *
   * @throws ClosedException if the model is closed
   */
  GPT.Turn next() {
    GPT.Turn turn = last();
    if (closed) {
      turn.close();
      throw new ClosedException("model");
    }
    return turn;
  }

  /** A turn to free memory in, which a closed model gives too. */
  GPT.Turn last() {
    lock.lock();
    return lock::unlock;
  }

  /** Frees the model's memory in a turn of its own, once. */
  void close(Runnable free) {
    try (var _ = last()) {
      if (!closed) {
        closed = true;
        free.run();
      }
    }
  }
}
