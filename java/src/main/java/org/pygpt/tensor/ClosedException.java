package org.pygpt.tensor;

/** Thrown by what was used after it was closed. */
public final class ClosedException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  /** The exception of, say, {@code a model}. */
  public ClosedException(String what) {
    super("the " + what + " is closed; make another one");
  }
}
