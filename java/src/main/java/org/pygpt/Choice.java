package org.pygpt;

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
    String names =
        Arrays.stream(type.getEnumConstants()).map(Choice::name).collect(Collectors.joining(", "));
    throw new IllegalArgumentException(name + ": expected one of " + names + ", got " + choice);
  }

  /** The lower-case name of a value. */
  public static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
