package org.pygpt.text;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** JSON texts and the values that they stand for. */
public final class Json {
  private Json() {}

  /**
   * The value of a JSON text: a {@link Map} in the text's order, a {@link List}, a {@link String},
   * a {@link BigInteger}, a {@link Double}, a {@link Boolean} or null.
   *
   * @throws IllegalArgumentException if the text is not one value; the message says where
   */
  public static Object parse(String text) {
    return new JsonReader(text).read();
  }

  /**
   * The members of a JSON object, in the text's order.
   *
   * @throws IllegalArgumentException if the text is none
   */
  @SuppressWarnings("unchecked") // the reader makes no other map
  public static Map<String, Object> parseObject(String text) {
    Object value = parse(text);
    if (value instanceof Map) {
      return (Map<String, Object>) value;
    }
    throw new IllegalArgumentException("expected an object, got " + write(value));
  }

  /** A text in quotes, with escapes where JSON wants them. */
  public static String quote(String text) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ') {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }

  /** The JSON text of a value of the types that {@link #parse} gives, or of another number. */
  public static String write(Object value) {
    return switch (value) {
      case String text -> quote(text);
      case List<?> items ->
          items.stream().map(Json::write).collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> members ->
          members.entrySet().stream()
              .map(member -> write(member.getKey()) + ": " + write(member.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      case null, default -> String.valueOf(value);
    };
  }
}
