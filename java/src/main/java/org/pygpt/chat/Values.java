package org.pygpt.chat;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.pygpt.text.Json;

/**
 * Python's values in Java and what operators make of them: null is None, whole numbers are {@link
 * Long}, lists {@link List}, dictionaries {@link Map}.
 */
final class Values {
  /** What is not there: no text, false, without items; using it otherwise is an error. */
  record Undefined(String problem) {}

  /** Something that a template can call. */
  interface Function {
    Object call(List<Object> arguments, Map<String, Object> named);
  }

  /** Mutable: {@code namespace()}, whose fields a template may set. */
  record Namespace(Map<String, Object> fields) {}

  private Values() {}

  /** A value of JSON, or of a caller, as templates have it. */
  static Object of(Object value) {
    return switch (value) {
      case BigInteger number -> number.longValueExact();
      case Integer number -> number.longValue();
      case List<?> items -> items.stream().map(Values::of).collect(Collectors.toList());
      case Map<?, ?> members -> {
        Map<Object, Object> all = new LinkedHashMap<>();
        members.forEach((name, member) -> all.put(name, of(member)));
        yield all;
      }
      case null, default -> value;
    };
  }

  static boolean isTrue(Object value) {
    return switch (value) {
      case null -> false;
      case Boolean is -> is;
      case Number number -> number.doubleValue() != 0;
      case String text -> !text.isEmpty();
      case List<?> items -> !items.isEmpty();
      case Map<?, ?> members -> !members.isEmpty();
      case Undefined _ -> false;
      default -> true;
    };
  }

  /** What {@code str} gives. */
  static String text(Object value) {
    return switch (value) {
      case Undefined _ -> "";
      case String text -> text;
      case null, default -> representation(value);
    };
  }

  private static String representation(Object value) {
    return switch (value) {
      case null -> "None";
      case Boolean is -> is ? "True" : "False";
      case String text -> {
        char quote = text.contains("'") && !text.contains("\"") ? '"' : '\'';
        String escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t");
        escaped = escaped.replace("\r", "\\r").replace("" + quote, "\\" + quote);
        yield quote + escaped + quote;
      }
      case List<?> items ->
          items.stream().map(Values::representation).collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> members ->
          members.entrySet().stream()
              .map(one -> representation(one.getKey()) + ": " + representation(one.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      default -> value.toString();
    };
  }

  /** The name of a value's type in Python, for messages. */
  static String type(Object value) {
    return switch (value) {
      case null -> "NoneType";
      case Boolean _ -> "bool";
      case String _ -> "str";
      case Long _ -> "int";
      case Double _ -> "float";
      case List<?> _ -> "list";
      case Map<?, ?> _ -> "dict";
      default -> value.getClass().getSimpleName().toLowerCase();
    };
  }

  /** The items that a loop takes: of a list, a dictionary's keys, a text's characters. */
  static List<Object> items(Object value) {
    return switch (value) {
      case List<?> items -> new ArrayList<>(items);
      case Map<?, ?> members -> new ArrayList<>(members.keySet());
      case String text ->
          text.codePoints().mapToObj(Character::toString).collect(Collectors.toList());
      case Undefined _ -> new ArrayList<>();
      case null, default ->
          throw new TemplateException("'" + type(value) + "' object is not iterable");
    };
  }

  // ---- operators -------------------------------------------------------------------------------

  static boolean equal(Object left, Object right) {
    if (left instanceof Number a && right instanceof Number b) {
      return a.doubleValue() == b.doubleValue();
    }
    return left instanceof Undefined ? right instanceof Undefined : Objects.equals(left, right);
  }

  static boolean contains(Object all, Object one) {
    return switch (all) {
      case String text -> text.contains(String.valueOf(one));
      case Map<?, ?> members -> members.containsKey(one);
      case null, default -> items(all).stream().anyMatch(item -> equal(item, one));
    };
  }

  static int compare(Object left, Object right) {
    if (left instanceof Number a && right instanceof Number b) {
      return Double.compare(a.doubleValue(), b.doubleValue());
    }
    if (left instanceof String a && right instanceof String b) {
      return a.compareTo(b);
    }
    throw unsupported("<", left, right);
  }

  static Object arithmetic(String operator, Object left, Object right) {
    defined(left);
    defined(right);
    if (left instanceof Long a && right instanceof Long b) {
      boolean divides = "/%".contains(operator.substring(0, 1));
      if (divides && b == 0) {
        throw new TemplateException("division by zero");
      }
      return switch (operator) {
        case "+" -> a + b;
        case "-" -> a - b;
        case "*" -> a * b;
        case "//" -> Math.floorDiv(a, b);
        case "%" -> Math.floorMod(a, b);
        case "/" -> (double) a / b;
        default -> b < 0 ? Math.pow(a, b) : (Object) Math.round(Math.pow(a, b));
      };
    }
    if (left instanceof Number a && right instanceof Number b) {
      double x = a.doubleValue();
      double y = b.doubleValue();
      return switch (operator) {
        case "+" -> x + y;
        case "-" -> x - y;
        case "*" -> x * y;
        case "//" -> Math.floor(x / y);
        case "%" -> x - y * Math.floor(x / y);
        case "/" -> x / y;
        default -> Math.pow(x, y);
      };
    }
    if (operator.equals("+") && left instanceof String a && right instanceof String b) {
      return a + b;
    }
    if (operator.equals("+") && left instanceof List<?> a && right instanceof List<?> b) {
      List<Object> all = new ArrayList<>(a);
      all.addAll(b);
      return all;
    }
    if (operator.equals("*") && left instanceof String text && right instanceof Long count) {
      return text.repeat((int) Math.max(0, count));
    }
    if (operator.equals("+") && left instanceof String) {
      throw new TemplateException("can only concatenate str (not \"" + type(right) + "\") to str");
    }
    throw unsupported(operator, left, right);
  }

  private static TemplateException unsupported(String operator, Object left, Object right) {
    return new TemplateException(
        "unsupported operand type(s) for %s: '%s' and '%s'"
            .formatted(operator, type(left), type(right)));
  }

  /** The value, which has to be one. */
  static Object defined(Object value) {
    if (value instanceof Undefined undefined) {
      throw new TemplateException(undefined.problem);
    }
    return value;
  }

  // ---- parts -----------------------------------------------------------------------------------

  /** {@code value.name}: a method before an item, as Python has it. */
  static Object attribute(Object value, String name) {
    defined(value);
    if (name.startsWith("_")) {
      throw new TemplateException(
          "access to attribute '%s' of '%s' object is unsafe.".formatted(name, type(value)));
    }
    if (value instanceof Namespace space) {
      return space.fields.containsKey(name) ? space.fields.get(name) : missing(value, name);
    }
    Function method = Methods.of(value, name);
    if (method != null) {
      return method;
    }
    return value instanceof Map<?, ?> members && members.containsKey(name)
        ? members.get(name)
        : missing(value, name);
  }

  /** {@code value[key]}. */
  static Object item(Object value, Object key) {
    defined(value);
    if (value instanceof Map<?, ?> members && members.containsKey(key)) {
      return members.get(key);
    }
    if (key instanceof Long index && (value instanceof List || value instanceof String)) {
      List<Object> items = items(value);
      long place = index < 0 ? index + items.size() : index;
      return place >= 0 && place < items.size()
          ? items.get((int) place)
          : new Undefined(type(value) + " object has no element " + index);
    }
    return key instanceof String name ? attribute(value, name) : missing(value, text(key));
  }

  private static Undefined missing(Object value, String name) {
    return new Undefined("'%s object' has no attribute '%s'".formatted(type(value), name));
  }

  /** {@code value[from:to:step]}; null for what is not given. */
  static Object slice(Object value, Object from, Object to, Object step) {
    List<Object> items = items(defined(value));
    int size = items.size();
    int by = step instanceof Long given ? given.intValue() : 1;
    if (by == 0) {
      throw new TemplateException("slice step cannot be zero");
    }
    int first = bound(from, by > 0 ? 0 : size - 1, size, by);
    int end = bound(to, by > 0 ? size : -1, size, by);
    List<Object> part = new ArrayList<>();
    for (int i = first; by > 0 ? i < end : i > end; i += by) {
      part.add(items.get(i));
    }
    return value instanceof String
        ? part.stream().map(String::valueOf).collect(Collectors.joining())
        : part;
  }

  private static int bound(Object given, int otherwise, int size, int by) {
    if (!(given instanceof Long index)) {
      return otherwise;
    }
    long place = index < 0 ? index + size : index;
    return Math.clamp(place, by > 0 ? 0 : -1, by > 0 ? size : size - 1);
  }

  /** {@code value(...)}. */
  static Object call(Object value, List<Object> arguments, Map<String, Object> named) {
    if (defined(value) instanceof Function function) {
      return function.call(arguments, named);
    }
    throw new TemplateException("'" + type(value) + "' object is not callable");
  }

  /** JSON as Python writes it. */
  static String json(Object value) {
    defined(value);
    return Json.write(value);
  }
}
