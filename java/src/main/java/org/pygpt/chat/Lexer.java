package org.pygpt.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Mutable, one reading: a template as tokens, with the blanks around tags taken out as Jinja does
 * with {@code trim_blocks} and {@code lstrip_blocks}.
 */
final class Lexer {
  /** What a token is; ends of tags are operators. */
  enum Kind {
    TEXT,
    PRINT, // {{
    TAG, // {%
    NAME,
    STRING,
    NUMBER,
    OPERATOR,
    END // of the template
  }

  /** A token; a string's text is its value. */
  record Token(Kind kind, String text) {
    boolean is(Kind kind, String text) {
      return this.kind == kind && this.text.equals(text);
    }
  }

  private static final Pattern INSIDE =
      Pattern.compile(
          "(?<blank>\\s+)|(?<name>[A-Za-z_]\\w*)|(?<number>\\d+(?:\\.\\d+)?)"
              + "|(?<string>'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\")"
              + "|(?<operator>//|\\*\\*|==|!=|<=|>=|[-+*/%~|.,:()\\[\\]{}<>=])",
          Pattern.DOTALL);
  private static final Pattern BEGIN = Pattern.compile("\\{[{%#]");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  private Lexer(String source) {
    this.source = source;
  }

  /**
   * The tokens of a template.
   *
   * @throws TemplateException for what no tag may have, and a tag without an end
   */
  static List<Token> tokens(String source) {
    String text = source.replace("\r\n", "\n").replace('\r', '\n');
    Lexer lexer = new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
    lexer.read();
    return lexer.tokens;
  }

  private void read() {
    Matcher begin = BEGIN.matcher(source);
    while (begin.find(at)) {
      char kind = source.charAt(begin.start() + 1);
      int inside = begin.end();
      char sign = inside < source.length() ? source.charAt(inside) : ' ';
      text(source.substring(at, begin.start()), sign, kind);
      at = inside + (sign == '-' || sign == '+' ? 1 : 0);
      if (kind == '#') {
        int end = source.indexOf("#}", at);
        require(end >= 0, "a comment that ends");
        boolean strips = end > at && source.charAt(end - 1) == '-';
        at = end + 2;
        skipAfter(strips, true);
      } else {
        add(kind == '%' ? Kind.TAG : Kind.PRINT, "");
        inside(kind == '%' ? "%}" : "}}");
      }
    }
    text(source.substring(at), ' ', '{');
    add(Kind.END, "");
  }

  /** Text before a tag, which may take its last blanks away. */
  private void text(String text, char sign, char kind) {
    String kept = text;
    if (sign == '-') {
      kept = text.stripTrailing();
    } else if (kind != '{' && sign != '+') { // blanks alone before it on its line
      int line = text.lastIndexOf('\n') + 1;
      boolean begins = line > 0 || at == 0 || source.charAt(at - 1) == '\n';
      kept = begins && text.substring(line).isBlank() ? text.substring(0, line) : text;
    }
    if (!kept.isEmpty()) {
      add(Kind.TEXT, kept);
    }
  }

  /** The tokens of a tag; ends behind it. */
  private void inside(String end) {
    int open = 0; // brackets
    Matcher next = INSIDE.matcher(source);
    while (true) {
      if (open == 0 && (source.startsWith(end, at) || source.startsWith("-" + end, at))) {
        boolean strips = source.charAt(at) == '-';
        at += end.length() + (strips ? 1 : 0);
        add(Kind.OPERATOR, end);
        skipAfter(strips, end.equals("%}"));
        return;
      }
      require(at < source.length(), "a tag that ends with " + end);
      require(next.region(at, source.length()).lookingAt(), "a value, got " + source.charAt(at));
      at = next.end();
      if (next.group("name") != null) {
        add(Kind.NAME, next.group());
      } else if (next.group("number") != null) {
        add(Kind.NUMBER, next.group());
      } else if (next.group("string") != null) {
        add(Kind.STRING, unescaped(next.group().substring(1, next.group().length() - 1)));
      } else if (next.group("operator") != null) {
        open += "([{".contains(next.group()) ? 1 : ")]}".contains(next.group()) ? -1 : 0;
        add(Kind.OPERATOR, next.group());
      }
    }
  }

  private void skipAfter(boolean strips, boolean trims) {
    if (strips) {
      while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
        at++;
      }
    } else if (trims && source.startsWith("\n", at)) {
      at++;
    }
  }

  private static String unescaped(String text) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '\\') {
        out.append(c);
        continue;
      }
      c = text.charAt(++i);
      int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
      int known = "ntrfb0".indexOf(c);
      if (digits > 0 && i + digits < text.length()) {
        out.appendCodePoint(Integer.parseInt(text.substring(i + 1, i + 1 + digits), 16));
        i += digits;
      } else if (known >= 0) {
        out.append("\n\t\r\f\b\0".charAt(known));
      } else if (c != '\n') { // a line that goes on
        out.append("'\"\\".indexOf(c) >= 0 ? "" : "\\").append(c);
      }
    }
    return out.toString();
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text));
  }

  private static void require(boolean holds, String expected) {
    if (!holds) {
      throw new TemplateException("expected " + expected);
    }
  }
}
