package org.pygpt.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.pygpt.text.PythonJson;

/** What stands after {@code |} in a template. */
final class Filters {
  private static final Set<String> KNOWN =
      Set.of(
          "trim",
          "tojson",
          "length",
          "count",
          "upper",
          "lower",
          "title",
          "capitalize",
          "join",
          "default",
          "d",
          "first",
          "last",
          "list",
          "string",
          "int",
          "float",
          "replace",
          "reverse",
          "sort",
          "unique",
          "map",
          "select",
          "reject",
          "selectattr",
          "rejectattr",
          "items",
          "indent",
          "safe",
          "e",
          "escape",
          "abs",
          "round",
          "sum",
          "min",
          "max");

  private Filters() {}

  /** The name of a filter, which has to be known. */
  static String known(String name) {
    if (KNOWN.contains(name)) {
      return name;
    }
    throw new TemplateException("No filter named '" + name + "'.");
  }

  static Object apply(String name, Object value, List<Object> given, Map<String, Object> named) {
    return switch (name) {
      case "trim" -> Methods.strip(Values.text(value), given, true, true);
      case "upper", "lower", "title", "capitalize" ->
          Values.call(Methods.of(Values.text(value), name), List.of(), Map.of());
      case "replace" -> Values.call(Methods.of(Values.text(value), name), given, Map.of());
      case "string", "safe" -> Values.text(value);
      case "e", "escape" -> escaped(Values.text(value));
      case "tojson" -> json(value, argument(given, named, 0, "indent", null));
      case "indent" -> indented(Values.text(value), given, named);
      case "default", "d" -> {
        boolean isWanted = Values.isTrue(argument(given, named, 1, "boolean", false));
        boolean isThere = isWanted ? Values.isTrue(value) : !(value instanceof Values.Undefined);
        yield isThere ? value : argument(given, named, 0, "default_value", "");
      }
      case "int", "float", "abs", "round" -> number(name, value, given);
      case "items" -> value instanceof Map<?, ?> members ? Methods.pairs(members) : List.of();
      default -> ofItems(name, value, given, named);
    };
  }

  private static Object ofItems(
      String name, Object value, List<Object> given, Map<String, Object> named) {
    if (value == null || value instanceof Number || value instanceof Boolean) {
      throw new TemplateException(
          name.equals("length") || name.equals("count")
              ? "object of type '" + Values.type(value) + "' has no len()"
              : "'" + Values.type(value) + "' object is not iterable");
    }
    List<Object> items = Values.items(value);
    return switch (name) {
      case "length", "count" -> (long) items.size();
      case "list" -> items;
      case "first" -> items.isEmpty() ? none() : items.getFirst();
      case "last" -> items.isEmpty() ? none() : items.getLast();
      case "join" -> {
        Object attribute = argument(given, named, 1, "attribute", null);
        List<Object> all = attribute == null ? items : each(items, Values.text(attribute));
        yield Methods.join(all, Values.text(argument(given, named, 0, "d", "")));
      }
      case "reverse" -> {
        Collections.reverse(items);
        yield value instanceof String ? Methods.join(items, "") : items;
      }
      case "sort" -> {
        items.sort(Values::compare);
        yield items;
      }
      case "unique" -> items.stream().distinct().collect(Collectors.toList());
      case "map" -> mapped(items, given, named);
      case "sum" -> items.stream().reduce(0L, (sum, item) -> Values.arithmetic("+", sum, item));
      case "min", "max" -> {
        int sign = name.equals("min") ? 1 : -1;
        yield items.stream().min((a, b) -> sign * Values.compare(a, b)).orElseGet(Filters::none);
      }
      default -> chosen(name, items, given);
    };
  }

  private static Object none() {
    return new Values.Undefined("No first item, sequence was empty.");
  }

  private static Object mapped(List<Object> items, List<Object> given, Map<String, Object> named) {
    if (named.containsKey("attribute")) {
      return each(items, Values.text(named.get("attribute")));
    }
    String filter = known(Values.text(given.getFirst()));
    List<Object> rest = given.subList(1, given.size());
    List<Object> all = new ArrayList<>();
    items.forEach(item -> all.add(apply(filter, item, rest, named)));
    return all;
  }

  private static List<Object> each(List<Object> items, String attribute) {
    List<Object> all = new ArrayList<>();
    items.forEach(item -> all.add(Values.item(item, attribute)));
    return all;
  }

  /** The items that a test holds for, or that have an attribute for which it does; or the rest. */
  private static Object chosen(String name, List<Object> items, List<Object> given) {
    boolean ofAttribute = name.endsWith("attr");
    int test = ofAttribute ? 1 : 0;
    List<Object> all = new ArrayList<>();
    for (Object item : items) {
      Object value = ofAttribute ? Values.item(item, given.getFirst()) : item;
      boolean holds =
          given.size() > test
              ? Tests.holds(
                  Tests.known(Values.text(given.get(test))),
                  value,
                  given.subList(test + 1, given.size()))
              : Values.isTrue(value);
      if (holds == name.startsWith("select")) {
        all.add(item);
      }
    }
    return all;
  }

  private static Object argument(
      List<Object> given, Map<String, Object> named, int place, String name, Object otherwise) {
    return given.size() > place ? given.get(place) : named.getOrDefault(name, otherwise);
  }

  private static Object number(String name, Object value, List<Object> given) {
    if (name.equals("abs")) {
      return Values.compare(value, 0L) < 0 ? Values.arithmetic("-", 0L, value) : value;
    }
    try {
      double number =
          value instanceof Number is ? is.doubleValue() : Double.parseDouble(text(value));
      if (name.equals("round")) {
        int digits = given.isEmpty() ? 0 : ((Long) given.getFirst()).intValue();
        double scale = Math.pow(10, digits);
        return Math.rint(number * scale) / scale;
      }
      return name.equals("int") ? (Object) (long) number : (Object) number;
    } catch (NumberFormatException error) {
      return given.isEmpty() ? (name.equals("int") ? (Object) 0L : (Object) 0.0) : given.getFirst();
    }
  }

  private static String text(Object value) {
    return value instanceof Boolean is ? (is ? "1" : "0") : Values.text(value).strip();
  }

  private static String json(Object value, Object indent) {
    return indent instanceof Long spaces
        ? PythonJson.indented(Values.defined(value), spaces.intValue())
        : Values.json(value);
  }

  private static String escaped(String text) {
    String safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    return safe.replace("'", "&#39;").replace("\"", "&#34;");
  }

  private static String indented(String text, List<Object> given, Map<String, Object> named) {
    int width = ((Long) argument(given, named, 0, "width", 4L)).intValue();
    boolean alsoFirst = Values.isTrue(argument(given, named, 1, "first", false));
    boolean alsoBlank = Values.isTrue(argument(given, named, 2, "blank", false));
    String[] lines = text.split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      if (i == 0 ? alsoFirst : alsoBlank || !lines[i].isEmpty()) {
        lines[i] = " ".repeat(width) + lines[i];
      }
    }
    return String.join("\n", lines);
  }
}
