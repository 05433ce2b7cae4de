package org.pygpt.chat;

import org.pygpt.text.TextException;

/** What a chat template refuses, or cannot do; the message is one line for the user. */
public final class TemplateException extends TextException {
  private static final long serialVersionUID = 1;

  TemplateException(String message) {
    super("chat template: " + message);
  }
}
