package org.pygpt.backends;

/** A backend whose libraries are not there; the message says what can be done. */
public final class MissingBackendException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  MissingBackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
