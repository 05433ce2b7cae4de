package org.pygpt.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Immutable: where a tokenizer.json cuts text into words before the bytes of each are merged; those
 * that end in bytes ({@code ByteLevel}).
 */
final class PreTokenizer {
  // Quantifiers that do not step back cost no stack; tokenizer.json has the same without them.
  private static final String GPT2 =
      "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++\\z|\\s+(?!\\S)|\\s";
  private static final String CL100K =
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+"
          + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++\\z|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
  private static final String GPT2_PORTABLE = // without those that do not step back
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  /** cl100k's pattern as a tokenizer.json has it. */
  static final String CL100K_PORTABLE =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+(?![\\s\\S])|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final Map<String, String> KNOWN =
      Map.of(GPT2_PORTABLE, GPT2, CL100K_PORTABLE, CL100K);
  // What Oniguruma, for which these patterns are written, reads otherwise than Java.
  private static final Pattern OTHER_SYNTAX =
      Pattern.compile("\\\\[hHRXGKgkyYOAZz]|&&|\\[\\[|\\(\\?[imsx-]*[msx]|\\(\\?<[A-Za-z]");
  private static final Pattern CLASS_OR_ESCAPE =
      Pattern.compile("\\[\\^?(?:\\\\.|[^\\]\\\\])*\\]|\\\\.");
  private static final Pattern ESCAPED_BRACKET = Pattern.compile("\\\\[\\[\\]\\\\]");
  private static final Pattern CLASS_IN_CLASS =
      Pattern.compile("\\[\\^?(?:\\\\.|[^\\]\\\\\\[])*\\[");

  /** A cut at the matches of a pattern, which are words, or are left out. */
  private record Cut(Pattern pattern, boolean keepsMatches, boolean keepsOthers) {
    private static Cut at(String pattern) {
      return new Cut(
          Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE),
          true,
          true);
    }

    private void cut(String text, List<String> words) {
      int start = 0;
      Matcher match = pattern.matcher(text);
      while (match.find()) {
        add(keepsOthers, text, start, match.start(), words);
        add(keepsMatches, text, match.start(), match.end(), words);
        start = match.end();
      }
      add(keepsOthers, text, start, text.length(), words);
    }

    private static void add(boolean keeps, String text, int start, int end, List<String> words) {
      if (keeps && start < end) {
        words.add(text.substring(start, end));
      }
    }
  }

  private final List<Cut> cuts = new ArrayList<>();
  private boolean beginsWithSpace;
  private boolean ended;

  /**
   * The cuts of a part of a tokenizer.json.
   *
   * @throws IllegalArgumentException if it is of a kind that is not known here
   */
  PreTokenizer(Object step) {
    add(step);
    require(ended, "pre_tokenizer: expected one that ends with ByteLevel, got ", step);
  }

  private static void require(boolean holds, String problem, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(problem + Json.write(got));
    }
  }

  /**
   * {@code gpt2} or {@code cl100k} if this is the rule of one of them and nothing else, or null.
   */
  String known() {
    String only = cuts.size() == 1 ? cuts.getFirst().pattern.pattern() : "";
    if (beginsWithSpace) {
      return null;
    }
    return only.equals(GPT2) ? "gpt2" : only.equals(CL100K) ? "cl100k" : null;
  }

  /** The words of a text. */
  List<String> words(String text) {
    List<String> words = List.of(beginsWithSpace && !text.startsWith(" ") ? " " + text : text);
    for (Cut cut : cuts) {
      List<String> cutWords = new ArrayList<>();
      words.forEach(word -> cut.cut(word, cutWords));
      words = cutWords;
    }
    return words;
  }

  private void add(Object step) {
    String problem = "pre_tokenizer: expected Sequence, Split, Digits or ByteLevel, got ";
    require(step instanceof Map && !ended, problem, step);
    Map<?, ?> values = (Map<?, ?>) step;
    switch (String.valueOf(values.get("type"))) {
      case "Sequence" -> {
        require(values.get("pretokenizers") instanceof List, problem, step);
        ((List<?>) values.get("pretokenizers")).forEach(this::add);
      }
      case "Split" -> cuts.add(split(values));
      case "Digits" ->
          cuts.add(Cut.at(isTrue(values, "individual_digits", false) ? "\\p{N}" : "\\p{N}++"));
      case "ByteLevel" -> {
        boolean addsSpace = isTrue(values, "add_prefix_space", true);
        require(!addsSpace || cuts.isEmpty(), "pre_tokenizer: expected no prefix, got ", step);
        beginsWithSpace = addsSpace;
        if (isTrue(values, "use_regex", true)) {
          cuts.add(Cut.at(GPT2));
        }
        ended = true;
      }
      default -> require(false, problem, step);
    }
  }

  private static boolean isTrue(Map<?, ?> values, String name, boolean byDefault) {
    return values.containsKey(name) ? Boolean.TRUE.equals(values.get(name)) : byDefault;
  }

  private static Cut split(Map<?, ?> values) {
    Object behavior = values.get("behavior");
    boolean isolates = "Isolated".equals(behavior);
    require(
        isolates || "Removed".equals(behavior),
        "pre_tokenizer: Split: expected Isolated or Removed, got ",
        behavior);
    Map<?, ?> pattern = values.get("pattern") instanceof Map<?, ?> is ? is : Map.of();
    Pattern found;
    if (pattern.get("String") instanceof String text) {
      found = Cut.at(text.isEmpty() ? "(?!)" : Pattern.quote(text)).pattern;
    } else {
      require(pattern.get("Regex") instanceof String, "pre_tokenizer: no pattern in ", values);
      found = compiled((String) pattern.get("Regex"));
    }
    boolean inverted = isTrue(values, "invert", false);
    return new Cut(found, isolates || inverted, isolates || !inverted);
  }

  private static Pattern compiled(String regex) {
    String problem = "pre_tokenizer: expected a pattern whose syntax Java has too, got ";
    if (KNOWN.containsKey(regex)) {
      return Cut.at(KNOWN.get(regex)).pattern;
    }
    String outside = CLASS_OR_ESCAPE.matcher(regex).replaceAll("");
    boolean isOther =
        OTHER_SYNTAX.matcher(regex).find()
            || CLASS_IN_CLASS.matcher(ESCAPED_BRACKET.matcher(regex).replaceAll("")).find()
            || outside.contains("^")
            || outside.contains("$");
    require(!isOther, problem, regex);
    try {
      return Cut.at(regex).pattern;
    } catch (PatternSyntaxException error) {
      throw new IllegalArgumentException(problem + Json.quote(regex), error);
    }
  }
}
