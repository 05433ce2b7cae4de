package org.pygpt.chat;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** What stands after {@code is} in a template. */
final class Tests {
  private static final Set<String> ALONE =
      Set.of(
          "defined",
          "undefined",
          "none",
          "string",
          "mapping",
          "iterable",
          "sequence",
          "number",
          "integer",
          "float",
          "boolean",
          "true",
          "false",
          "odd",
          "even",
          "callable",
          "upper",
          "lower");
  private static final Set<String> WITH_ONE =
      Set.of(
          "divisibleby",
          "eq",
          "equalto",
          "ne",
          "lt",
          "lessthan",
          "le",
          "gt",
          "greaterthan",
          "ge",
          "in",
          "sameas");

  private Tests() {}

  /** The name of a test, which has to be known. */
  static String known(String name) {
    if (ALONE.contains(name) || WITH_ONE.contains(name)) {
      return name;
    }
    throw new TemplateException("No test named '" + name + "'.");
  }

  /** Whether a test compares with something, which may stand without brackets. */
  static boolean takesOne(String name) {
    return WITH_ONE.contains(name);
  }

  static boolean holds(String name, Object value, List<Object> given) {
    if (WITH_ONE.contains(name)) {
      return holds(name, value, given.getFirst());
    }
    return switch (name) {
      case "defined" -> !(value instanceof Values.Undefined);
      case "undefined" -> value instanceof Values.Undefined;
      case "none" -> value == null;
      case "string" -> value instanceof String;
      case "mapping" -> value instanceof Map;
      case "iterable", "sequence" ->
          value instanceof List || value instanceof Map || value instanceof String;
      case "number" -> value instanceof Number;
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "odd" -> Values.equal(Values.arithmetic("%", value, 2L), 1L);
      case "even" -> Values.equal(Values.arithmetic("%", value, 2L), 0L);
      case "upper" -> Values.text(value).equals(Values.text(value).toUpperCase());
      case "lower" -> Values.text(value).equals(Values.text(value).toLowerCase());
      default -> value instanceof Values.Function;
    };
  }

  private static boolean holds(String name, Object value, Object other) {
    return switch (name) {
      case "divisibleby" -> Values.equal(Values.arithmetic("%", value, other), 0L);
      case "eq", "equalto", "sameas" -> Values.equal(value, other);
      case "ne" -> !Values.equal(value, other);
      case "in" -> Values.contains(other, value);
      case "lt", "lessthan" -> Values.compare(value, other) < 0;
      case "le" -> Values.compare(value, other) <= 0;
      case "gt", "greaterthan" -> Values.compare(value, other) > 0;
      default -> Values.compare(value, other) >= 0;
    };
  }
}
