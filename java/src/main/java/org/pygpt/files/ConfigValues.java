package org.pygpt.files;

import java.math.BigInteger;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.pygpt.text.Json;

/** Immutable: the members of a config.json; which are missing, and which are null. */
record ConfigValues(Map<String, Object> values) {
  Set<String> keys() {
    return values.keySet();
  }

  boolean has(String key) {
    return values.containsKey(key);
  }

  /** A value, null among them, or what a missing one means. */
  Object get(String key, Object byDefault) {
    return values.getOrDefault(key, byDefault);
  }

  /** A value, or what a missing one or null means. */
  Object orElse(String key, Object byDefault) {
    Object value = values.get(key);
    return value == null ? byDefault : value;
  }

  /** What a row asks for: {@code key} and {@code default}. */
  Object of(Map<String, Object> asked) {
    return orElse((String) asked.get("key"), asked.get("default"));
  }

  boolean isTrue(String key) {
    return isTrue(values.get(key));
  }

  /** Whether Python takes a value for true. */
  static boolean isTrue(Object value) {
    return switch (value) {
      case null -> false;
      case Boolean is -> is;
      case Number number -> number.doubleValue() != 0;
      case String text -> !text.isEmpty();
      case Collection<?> items -> !items.isEmpty();
      case Map<?, ?> members -> !members.isEmpty();
      default -> true;
    };
  }

  /** Whether two values are equal; 1 and 1.0 are. */
  static boolean same(Object one, Object other) {
    return one instanceof Number left && other instanceof Number right
        ? left.doubleValue() == right.doubleValue()
        : Objects.equals(one, other);
  }

  /** A whole number, at least {@code least}; a null key has what is usual. */
  int whole(Map<String, Object> asked, int least) {
    String key = (String) asked.get("key");
    Object value = key == null ? asked.get("default") : of(asked);
    boolean holds =
        value instanceof BigInteger n && n.bitLength() < Integer.SIZE && n.intValue() >= least;
    require(holds, key, "a whole number from " + least + " on", value);
    return ((BigInteger) value).intValue();
  }

  static void require(boolean holds, String key, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(
          key + ": expected " + expected + ", got " + Json.write(got));
    }
  }
}
