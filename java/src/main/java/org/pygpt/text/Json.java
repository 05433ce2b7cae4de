package org.pygpt.text;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.pygpt.python.PythonNumber;
import org.pygpt.python.PythonText;

/** JSON, written as Python's {@code json.dumps} does. */
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
    throw new IllegalArgumentException("expected an object, got " + repr(value));
  }

  /** A text in quotes, with every character as itself: {@code json.dumps(ensure_ascii=False)}. */
  public static String quote(String text) {
    return quote(text, Character.MAX_VALUE);
  }

  /** A text in quotes, in ASCII: {@code json.dumps}. */
  public static String quoteAscii(String text) {
    return quote(text, '~');
  }

  private static String quote(String text, char last) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ' || c > last) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }

  /** A value as Python's {@code repr} writes it. */
  public static String repr(Object value) {
    return switch (value) {
      case null -> "None";
      case String text -> PythonText.repr(text);
      case Boolean is -> is ? "True" : "False";
      case Double number -> PythonNumber.repr(number);
      case List<?> items ->
          items.stream().map(Json::repr).collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> members ->
          members.entrySet().stream()
              .map(member -> repr(member.getKey()) + ": " + repr(member.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      default -> value.toString();
    };
  }
}
