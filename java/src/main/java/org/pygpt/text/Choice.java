package org.pygpt.text;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Values of an enumeration by the lower-case names that users write. */
public final class Choice {
  private Choice() {}

  /**
   * The value of {@code type} called {@code choice}.
   *
   * @param name of the option, for the message
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static <E extends Enum<E>> E of(String name, Class<E> type, String choice) {
    for (E value : type.getEnumConstants()) {
      if (name(value).equals(choice)) {
        return value;
      }
    }
    throw new IllegalArgumentException(
        name + ": expected one of " + names(type) + ", got " + choice);
  }

  /** The lower-case names of all values of an enumeration, with commas between them. */
  public static String names(Class<?> type) {
    return Arrays.stream(type.getEnumConstants())
        .map(value -> name((Enum<?>) value))
        .collect(Collectors.joining(", "));
  }

  /** The lower-case name of a value. */
  public static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
