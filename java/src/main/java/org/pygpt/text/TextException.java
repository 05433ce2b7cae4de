package org.pygpt.text;

/** A text that a tokenizer does not take, or ids that spell none; its message is for the user. */
public class TextException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  /** One line: what was expected, what came. */
  public TextException(String message) {
    super(message);
  }
}
