package org.pygpt.text;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** JSON texts, as RFC 8259 has them, and the values that they stand for. Mutable: one reading. */
public final class Json {
  private static final int MOST_DEPTH = 100;
  private static final Pattern NUMBER =
      Pattern.compile("-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?");
  private static final Pattern UNICODE = Pattern.compile("u[0-9a-fA-F]{4}");
  private static final String ESCAPES = "\"\\/bfnrt";
  private static final String ESCAPED = "\"\\/\b\f\n\r\t";

  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  /**
   * The value of a JSON text: a {@link Map} in the text's order, a {@link List}, a {@link String},
   * a {@link BigInteger}, a {@link Double}, a {@link Boolean} or null.
   *
   * @throws IllegalArgumentException if the text is not one value; the message says where
   */
  static Object parse(String text) {
    Json json = new Json(text);
    Object value = json.value(0);
    json.skipSpace();
    if (json.at < text.length()) {
      throw json.problem("the end");
    }
    return value;
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

  private Object value(int depth) {
    if (depth > MOST_DEPTH) {
      throw problem("at most " + MOST_DEPTH + " values inside each other");
    }
    if (takes("{")) {
      Map<String, Object> members = new LinkedHashMap<>();
      while (!closes("}", members.isEmpty())) {
        String name = string();
        take(":");
        if (members.containsKey(name)) {
          throw new IllegalArgumentException("Duplicate field '" + name + "'");
        }
        members.put(name, value(depth + 1));
      }
      return members;
    }
    if (takes("[")) {
      List<Object> items = new ArrayList<>();
      while (!closes("]", items.isEmpty())) {
        items.add(value(depth + 1));
      }
      return items;
    }
    if (takes("true") || takes("false")) {
      return text.charAt(at - 2) == 'u';
    }
    if (takes("null")) {
      return null;
    }
    return text.startsWith("\"", at) ? string() : number();
  }

  /** Whether an object or a list ends here; if not, and it has begun, there is a comma. */
  private boolean closes(String end, boolean first) {
    boolean closed = takes(end);
    if (!closed && !first) {
      take(",");
    }
    return closed;
  }

  private String string() {
    take("\"");
    StringBuilder out = new StringBuilder();
    for (; at < text.length() && text.charAt(at) >= ' '; ) {
      char c = text.charAt(at++);
      if (c == '"') {
        return out.toString();
      }
      out.append(c == '\\' ? escape() : c);
    }
    throw problem("a string without line breaks that ends in a quote");
  }

  private char escape() {
    int escape = at < text.length() ? ESCAPES.indexOf(text.charAt(at)) : -1;
    if (escape >= 0) {
      at++;
      return ESCAPED.charAt(escape);
    }
    return (char) Integer.parseInt(next(UNICODE, "an escape sequence").substring(1), 16);
  }

  private Number number() {
    String number = next(NUMBER, "a value");
    boolean isWhole = number.chars().noneMatch(c -> ".eE".indexOf(c) >= 0);
    return isWhole ? new BigInteger(number) : (Number) Double.valueOf(number);
  }

  private String next(Pattern pattern, String expected) {
    Matcher matcher = pattern.matcher(text).region(at, text.length());
    if (!matcher.lookingAt()) {
      throw problem(expected);
    }
    at = matcher.end();
    return matcher.group();
  }

  private void skipSpace() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private boolean takes(String token) {
    skipSpace();
    boolean there = text.startsWith(token, at);
    at += there ? token.length() : 0;
    return there;
  }

  private void take(String token) {
    if (!takes(token)) {
      throw problem("\"" + token + "\"");
    }
  }

  private IllegalArgumentException problem(String expected) {
    return new IllegalArgumentException("expected " + expected + " at character " + at);
  }

  /** A text in quotes, with escapes where JSON wants them. */
  public static String quote(String text) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (char c : text.toCharArray()) {
      int escape = c == '/' ? -1 : ESCAPED.indexOf(c);
      if (escape >= 0) {
        out.append('\\').append(ESCAPES.charAt(escape));
      } else if (c < ' ') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
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
