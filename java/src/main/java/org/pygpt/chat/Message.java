package org.pygpt.chat;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Immutable: what somebody says in a conversation.
 *
 * @param role {@code system}, {@code user} or {@code assistant}, or what else a template knows
 * @param content the text
 */
public record Message(String role, String content) {
  static final String ASSISTANT = "assistant";

  /** What the model is told at the beginning. */
  public static Message system(String content) {
    return new Message("system", content);
  }

  /** A prompt. */
  public static Message user(String content) {
    return new Message("user", content);
  }

  /** An answer. */
  public static Message assistant(String content) {
    return new Message(ASSISTANT, content);
  }

  Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("role", role);
    values.put("content", content);
    return values;
  }
}
