package org.pygpt.names;

/** An option that cannot be; the message is one line for the user. */
public final class UsageException extends Exception {
  private static final long serialVersionUID = 1;

  UsageException(String message) {
    super(message);
  }
}
