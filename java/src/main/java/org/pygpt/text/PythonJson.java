package org.pygpt.text;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** JSON texts with the bytes that Python's {@code json.dumps} writes. */
public final class PythonJson {
  private PythonJson() {}

  /** SHA-256, in hex, of a value's JSON without blanks, in ASCII. */
  static String fingerprint(List<?> content) {
    try {
      byte[] text = compact(content).getBytes(US_ASCII);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every Java has it
    }
  }

  private static String compact(Object value) {
    return switch (value) {
      case String text -> ascii(text);
      case List<?> items ->
          items.stream().map(PythonJson::compact).collect(Collectors.joining(",", "[", "]"));
      default -> String.valueOf(value);
    };
  }

  private static String ascii(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      out.append(escaped(c, c > '~'));
    }
    return out.append('"').toString();
  }

  private static String escaped(char c, boolean always) {
    int short0 = "\"\\\n\r\t\f\b".indexOf(c);
    if (short0 >= 0) {
      return "\\" + "\"\\nrtfb".charAt(short0);
    }
    return always || c < ' ' ? "\\u%04x".formatted((int) c) : String.valueOf(c);
  }

  /** A value's JSON over several lines, with other characters than ASCII's as they are. */
  public static String indented(Object value, int spaces) {
    StringBuilder out = new StringBuilder();
    write(value, spaces, "\n", out);
    return out.toString();
  }

  private static void write(Object value, int spaces, String line, StringBuilder out) {
    String inner = line + " ".repeat(spaces);
    switch (value) {
      case Map<?, ?> members when !members.isEmpty() -> {
        String before = "{" + inner;
        for (var member : members.entrySet()) {
          out.append(before);
          write(member.getKey(), spaces, inner, out);
          out.append(": ");
          write(member.getValue(), spaces, inner, out);
          before = "," + inner;
        }
        out.append(line).append('}');
      }
      case List<?> items when !items.isEmpty() -> {
        String before = "[" + inner;
        for (Object item : items) {
          out.append(before);
          write(item, spaces, inner, out);
          before = "," + inner;
        }
        out.append(line).append(']');
      }
      case String text -> {
        out.append('"');
        text.chars().forEach(c -> out.append(escaped((char) c, false)));
        out.append('"');
      }
      case null, default -> out.append(value instanceof Map ? "{}" : String.valueOf(value));
    }
  }
}
