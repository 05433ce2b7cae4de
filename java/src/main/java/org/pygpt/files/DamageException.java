package org.pygpt.files;

/** What is wrong inside a file; whoever reads the file adds which one it is. */
final class DamageException extends Exception {
  private static final long serialVersionUID = 1;

  DamageException(String message) {
    super(message);
  }
}
