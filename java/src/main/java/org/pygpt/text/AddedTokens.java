package org.pygpt.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Immutable: texts that are tokens wherever they stand, as Hugging Face's {@code tokenizers} finds
 * them: from left to right, of those that begin at a place the longest.
 */
final class AddedTokens {
  private static final Pattern WORD = Pattern.compile("\\w", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern BLANK = Pattern.compile("\\s", Pattern.UNICODE_CHARACTER_CLASS);

  /**
   * A text that is one token.
   *
   * @param special whether it stands for something else than its text
   * @param singleWord whether it counts only where no letter or digit is beside it
   * @param stripsLeft whether the blanks before it belong to it
   * @param stripsRight whether those after it do
   * @param normalized whether it is looked for in normalized text
   */
  record Token(
      String text,
      int id,
      boolean special,
      boolean singleWord,
      boolean stripsLeft,
      boolean stripsRight,
      boolean normalized) {
    static Token special(String text, int id) {
      return new Token(text, id, true, false, false, false, false);
    }
  }

  /** What lies between two tokens, or one, which has an id; -1 for none. */
  record Part(String text, int id, int at) {}

  private final Map<String, Token> byText = new HashMap<>();
  private final Pattern pattern;

  /** These tokens; {@code spell} gives what one looks like in the texts that are searched. */
  AddedTokens(List<Token> tokens, UnaryOperator<String> spell) {
    tokens.forEach(token -> byText.putIfAbsent(spell.apply(token.text), token));
    byText.remove("");
    String longestFirst =
        byText.keySet().stream()
            .sorted(Comparator.comparing(String::length).reversed())
            .map(Pattern::quote)
            .collect(Collectors.joining("|"));
    pattern = Pattern.compile(longestFirst);
  }

  /** The parts of a text; special tokens only if they are wanted. */
  List<Part> parts(String text, boolean specials) {
    List<Part> parts = new ArrayList<>();
    int start = 0;
    Matcher match = pattern.matcher(text);
    while (!byText.isEmpty() && match.find()) {
      Token token = byText.get(match.group());
      int begin = match.start();
      int end = match.end();
      boolean counts = begin >= start && (specials || !token.special);
      if (!counts || token.singleWord && isInWord(text, begin, end)) {
        continue;
      }
      while (token.stripsLeft && begin > start && isBlank(text, begin)) {
        begin--;
      }
      while (token.stripsRight && end < text.length() && isBlank(text, end + 1)) {
        end++;
      }
      if (start < begin) {
        parts.add(new Part(text.substring(start, begin), -1, start));
      }
      parts.add(new Part(text.substring(begin, end), token.id, begin));
      start = end;
    }
    if (start < text.length()) {
      parts.add(new Part(text.substring(start), -1, start));
    }
    return parts;
  }

  private static boolean isBlank(String text, int end) { // blanks take one char each
    return BLANK.matcher(text.substring(end - 1, end)).matches();
  }

  private static boolean isInWord(String text, int begin, int end) {
    int before = begin > 0 ? text.codePointBefore(begin) : ' ';
    int after = end < text.length() ? text.codePointAt(end) : ' ';
    return isWord(before) || isWord(after);
  }

  private static boolean isWord(int point) {
    return WORD.matcher(Character.toString(point)).matches();
  }
}
