package org.pygpt.text;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Immutable: options by their names, as {@link Json#parseObject} gives them, to be taken one by
 * one; each method throws IllegalArgumentException with name, expected and got if an option is
 * missing or of another type.
 */
public final class Options {
  private final Map<String, ?> values;

  /** These options. */
  public Options(Map<String, ?> values) {
    this.values = values;
  }

  /** A whole number from {@code least} to the largest int. */
  public int size(String name, int least) {
    BigInteger size = whole(name);
    Number value = size;
    if (size.compareTo(BigInteger.valueOf(least)) < 0) {
      throw problem(name, "at least " + least, value);
    }
    if (size.bitLength() >= Integer.SIZE) {
      throw problem(name, "at most " + Integer.MAX_VALUE, value);
    }
    return size.intValue();
  }

  /** A whole number of any size. */
  public BigInteger whole(String name) {
    Number value = get(name, Number.class, "a whole number");
    if (value instanceof Double) {
      throw problem(name, "a whole number", value);
    }
    return new BigInteger(value.toString());
  }

  /** A number. */
  public double number(String name) {
    return get(name, Number.class, "a number").doubleValue();
  }

  /** True or false. */
  public boolean flag(String name) {
    return get(name, Boolean.class, "true or false");
  }

  /** Text. */
  public String text(String name) {
    return get(name, String.class, "text");
  }

  /** A list of texts; one alone is a list of it. */
  public List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    for (Object item : items(name)) {
      texts.add(new Options(Map.of(name, item)).text(name));
    }
    return texts;
  }

  /** A list of whole numbers from 0 to the largest int; one alone is a list of it. */
  public List<Integer> sizes(String name) {
    List<Integer> sizes = new ArrayList<>();
    for (Object item : items(name)) {
      sizes.add(new Options(Map.of(name, item)).size(name, 0));
    }
    return sizes;
  }

  private List<?> items(String name) {
    Object value = get(name, Object.class, "a list");
    List<?> items = value instanceof List<?> list ? list : List.of(value);
    if (items.stream().anyMatch(Objects::isNull)) {
      throw problem(name, "a list without null", value);
    }
    return items;
  }

  /** A value of an enumeration, by its lower-case name. */
  public <E extends Enum<E>> E choice(String name, Class<E> type) {
    String text = get(name, String.class, "text");
    for (E choice : type.getEnumConstants()) {
      if (Choice.name(choice).equals(text)) {
        return choice;
      }
    }
    throw problem(name, "one of " + Choice.names(type), text);
  }

  /** Passes if there are no options but these. */
  public void requireAmong(Collection<String> names) {
    for (String name : values.keySet()) {
      if (!names.contains(name)) {
        throw new IllegalArgumentException(name + ": expected one of " + String.join(", ", names));
      }
    }
  }

  private <T> T get(String name, Class<T> type, String expected) {
    if (!values.containsKey(name)) {
      throw new IllegalArgumentException(name + ": expected a value, got none");
    }
    if (!type.isInstance(values.get(name))) {
      throw problem(name, expected, values.get(name));
    }
    return type.cast(values.get(name));
  }

  private static IllegalArgumentException problem(String name, String expected, Object got) {
    return new IllegalArgumentException(
        name + ": expected " + expected + ", got " + Json.write(got));
  }
}
