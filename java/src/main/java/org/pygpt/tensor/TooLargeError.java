package org.pygpt.tensor;

/** What does not fit into the memory there is; nothing of it has been allocated. */
public final class TooLargeError extends OutOfMemoryError {
  private static final long serialVersionUID = 1;

  TooLargeError(String message) {
    super(message);
  }
}
