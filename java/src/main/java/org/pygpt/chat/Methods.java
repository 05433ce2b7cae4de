package org.pygpt.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The methods of Python's texts and dictionaries that a template may call. */
final class Methods {
  private Methods() {}

  /** The method of a value, or null if it has none of that name. */
  static Values.Function of(Object value, String name) {
    return switch (value) {
      case String text -> ofText(text, name);
      case Map<?, ?> members -> ofMembers(members, name);
      case null, default -> null;
    };
  }

  private static Values.Function ofMembers(Map<?, ?> members, String name) {
    return switch (name) {
      case "keys" -> (_, _) -> new ArrayList<>(members.keySet());
      case "values" -> (_, _) -> new ArrayList<>(members.values());
      case "items" -> (_, _) -> pairs(members);
      case "get" ->
          (given, _) ->
              members.containsKey(given.getFirst())
                  ? members.get(given.getFirst())
                  : given.size() > 1 ? given.get(1) : null;
      default -> null;
    };
  }

  static List<Object> pairs(Map<?, ?> members) {
    return members.entrySet().stream()
        .map(one -> (Object) Arrays.asList(one.getKey(), one.getValue()))
        .collect(Collectors.toList());
  }

  private static Values.Function ofText(String text, String name) {
    return switch (name) {
      case "strip" -> (given, _) -> strip(text, given, true, true);
      case "lstrip" -> (given, _) -> strip(text, given, true, false);
      case "rstrip" -> (given, _) -> strip(text, given, false, true);
      case "upper" -> (_, _) -> text.toUpperCase(Locale.ROOT);
      case "lower" -> (_, _) -> text.toLowerCase(Locale.ROOT);
      case "title" -> (_, _) -> title(text);
      case "capitalize" -> (_, _) -> capitalized(text);
      case "split" -> (given, _) -> split(text, given);
      case "splitlines" -> (_, _) -> text.lines().collect(Collectors.toList());
      case "startswith" -> (given, _) -> any(given.getFirst()).anyMatch(text::startsWith);
      case "endswith" -> (given, _) -> any(given.getFirst()).anyMatch(text::endsWith);
      case "removeprefix" ->
          (given, _) -> text.startsWith(one(given)) ? text.substring(one(given).length()) : text;
      case "removesuffix" ->
          (given, _) ->
              text.endsWith(one(given))
                  ? text.substring(0, text.length() - one(given).length())
                  : text;
      case "replace" -> (given, _) -> replace(text, given);
      case "find" -> (given, _) -> place(text, text.indexOf(one(given)));
      case "rfind" -> (given, _) -> place(text, text.lastIndexOf(one(given)));
      case "count" -> (given, _) -> (long) text.split(Pattern.quote(one(given)), -1).length - 1;
      case "join" -> (given, _) -> join(given.getFirst(), text);
      case "isdigit" -> (_, _) -> !text.isEmpty() && text.codePoints().allMatch(Character::isDigit);
      default -> null;
    };
  }

  private static String one(List<Object> given) {
    if (!given.isEmpty() && given.getFirst() instanceof String text) {
      return text;
    }
    throw new TemplateException("expected text, got " + given);
  }

  private static Stream<String> any(Object given) {
    return (given instanceof List<?> several ? several : List.of(given)).stream().map(Values::text);
  }

  static String join(Object items, String between) {
    return Values.items(items).stream().map(Values::text).collect(Collectors.joining(between));
  }

  private static Long place(String text, int at) {
    return at < 0 ? -1L : text.codePointCount(0, at);
  }

  static String strip(String text, List<Object> given, boolean left, boolean right) {
    String away = given.isEmpty() || given.getFirst() == null ? null : one(given);
    int[] points = text.codePoints().toArray();
    int from = 0;
    int to = points.length;
    while (left && from < to && goes(points[from], away)) {
      from++;
    }
    while (right && to > from && goes(points[to - 1], away)) {
      to--;
    }
    return new String(points, from, to - from);
  }

  /** Whether {@code strip} takes a character away; Python's blanks, where none are given. */
  private static boolean goes(int point, String away) {
    if (away != null) {
      return away.indexOf(point) >= 0;
    }
    return Character.isWhitespace(point) || Character.isSpaceChar(point) || point == 0x85;
  }

  private static List<Object> split(String text, List<Object> given) {
    int most = given.size() > 1 ? ((Long) given.get(1)).intValue() + 1 : -1;
    boolean isNamed = !given.isEmpty() && given.getFirst() != null;
    String cut = isNamed ? Pattern.quote(one(given)) : "(?U)\\s+";
    String whole = isNamed ? text : strip(text, List.of(), true, most < 0);
    if (!isNamed && whole.isEmpty()) {
      return new ArrayList<>();
    }
    return new ArrayList<>(Arrays.asList(whole.split(cut, most)));
  }

  private static String replace(String text, List<Object> given) {
    String what = one(given);
    String by = Values.text(given.get(1));
    if (given.size() < 3) {
      return text.replace(what, by);
    }
    StringBuilder out = new StringBuilder();
    int from = 0;
    for (long left = (Long) given.get(2); left > 0 && text.indexOf(what, from) >= 0; left--) {
      int at = text.indexOf(what, from);
      out.append(text, from, at).append(by);
      from = at + what.length();
    }
    return out.append(text.substring(from)).toString();
  }

  static String capitalized(String text) {
    int first = text.isEmpty() ? 0 : text.offsetByCodePoints(0, 1);
    return text.substring(0, first).toUpperCase(Locale.ROOT)
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  static String title(String text) {
    return Pattern.compile("\\p{L}+")
        .matcher(text)
        .replaceAll(word -> Matcher.quoteReplacement(capitalized(word.group())));
  }
}
