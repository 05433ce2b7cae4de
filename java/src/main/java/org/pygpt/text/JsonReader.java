package org.pygpt.text;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Mutable: reads one JSON value, as RFC 8259 has it; see {@link Json#parse}. */
final class JsonReader {
  private static final int MOST_DEPTH = 1000;
  private static final Pattern NUMBER =
      Pattern.compile("-?(?:0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  private static final Pattern HEX = Pattern.compile("[0-9a-fA-F]{4}");
  private static final String ESCAPES = "\"\\/bfnrt";
  private static final String ESCAPED = "\"\\/\b\f\n\r\t";

  private final String text;
  private int at;
  private int depth;

  JsonReader(String text) {
    this.text = text;
  }

  /** The one value that the text is. */
  Object read() {
    Object value = value();
    skipSpace();
    if (at < text.length()) {
      throw problem("the end");
    }
    return value;
  }

  private Object value() {
    skipSpace();
    switch (at < text.length() ? text.charAt(at) : ' ') {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      default:
        if (takes("true") || takes("false")) {
          return text.charAt(at - 2) == 'u';
        }
        return takes("null") ? null : number();
    }
  }

  private Map<String, Object> object() {
    Map<String, Object> members = new LinkedHashMap<>();
    open();
    while (!closes('}', members.isEmpty())) {
      skipSpace();
      String name = string();
      skipSpace();
      take(":");
      if (members.containsKey(name)) {
        throw new IllegalArgumentException("Duplicate field '" + name + "'");
      }
      members.put(name, value());
    }
    return members;
  }

  private List<Object> array() {
    List<Object> items = new ArrayList<>();
    open();
    while (!closes(']', items.isEmpty())) {
      items.add(value());
    }
    return items;
  }

  private void open() {
    if (++depth > MOST_DEPTH) {
      throw problem("at most " + MOST_DEPTH + " values inside each other");
    }
    at++;
  }

  /** Whether an object or a list ends here; if not, and it has begun, there is a comma. */
  private boolean closes(char end, boolean first) {
    skipSpace();
    if (takes(String.valueOf(end))) {
      depth--;
      return true;
    }
    if (!first) {
      take(",");
    }
    return false;
  }

  private String string() {
    take("\"");
    StringBuilder out = new StringBuilder();
    while (!takes("\"")) {
      char c = at < text.length() ? text.charAt(at++) : '\n';
      if (c < ' ') {
        at = Math.min(at, text.length());
        throw problem("a string without line breaks that ends in a quote");
      }
      out.append(c == '\\' ? escape() : c);
    }
    return out.toString();
  }

  private char escape() {
    int escape = at < text.length() ? ESCAPES.indexOf(text.charAt(at)) : -1;
    if (escape >= 0) {
      at++;
      return ESCAPED.charAt(escape);
    }
    take("u");
    String digits = found(HEX, "four hexadecimal digits").group();
    return (char) Integer.parseInt(digits, 16);
  }

  private Number number() {
    Matcher number = found(NUMBER, "a value");
    boolean isWhole = number.group(1) == null && number.group(2) == null;
    return isWhole ? new BigInteger(number.group()) : (Number) Double.valueOf(number.group());
  }

  private Matcher found(Pattern pattern, String expected) {
    Matcher matcher = pattern.matcher(text).region(at, text.length());
    if (!matcher.lookingAt()) {
      throw problem(expected);
    }
    at = matcher.end();
    return matcher;
  }

  private void skipSpace() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private boolean takes(String token) {
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
}
