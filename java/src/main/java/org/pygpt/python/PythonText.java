package org.pygpt.python;

/** Text as Python's {@code str} and {@code repr} have it. */
public final class PythonText {
  private PythonText() {}

  /**
   * Whether Python's {@code str.isspace} takes a character for white space; of Java's two notions
   * of it, one lacks the control characters and the other U+0085 and the spaces that do not break.
   */
  public static boolean isSpace(char c) {
    return Character.isSpaceChar(c) || c >= '\t' && c <= '\r' || c >= 0x1c && c < ' ' || c == 0x85;
  }

  /** The text without the white space around it: Python's {@code str.strip()}. */
  public static String strip(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isSpace(text.charAt(from))) {
      from++;
    }
    while (from < to && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /** The text with each run of white space as one space, and none around it. */
  public static String oneLine(String text) {
    StringBuilder line = new StringBuilder();
    for (char c : strip(text).toCharArray()) {
      if (!isSpace(c)) {
        line.append(c);
      } else if (line.charAt(line.length() - 1) != ' ') {
        line.append(' ');
      }
    }
    return line.toString();
  }

  /** The text in quotes, with escapes for what does not print: {@code repr} of a str. */
  public static String repr(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder out = new StringBuilder().append(quote);
    text.codePoints().forEach(c -> appendEscaped(out, c, quote));
    return out.append(quote).toString();
  }

  private static void appendEscaped(StringBuilder out, int c, char quote) {
    switch (c) {
      case '\t' -> out.append("\\t");
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\\' -> out.append("\\\\");
      default -> {
        if (c == quote) {
          out.append('\\').append(quote);
        } else if (isPrintable(c)) {
          out.appendCodePoint(c);
        } else {
          String form = c <= 0xff ? "\\x%02x" : c <= 0xffff ? "\\u%04x" : "\\U%08x";
          out.append(String.format(form, c));
        }
      }
    }
  }

  private static boolean isPrintable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }
}
