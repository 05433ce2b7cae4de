package org.pygpt.text;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Immutable: the components of a record of options under the names that Python and JSON have for
 * them: nLayer is n_layer, and the values of an enumeration are lower-case text. Whole numbers are
 * sizes.
 *
 * @param <R> the record, of int, double, boolean and enumerations
 */
public final class Fields<R extends Record> {
  private final Class<R> type;
  private final RecordComponent[] components;
  private final List<String> names;

  /** The components of {@code type}. */
  public Fields(Class<R> type) {
    this.type = type;
    this.components = type.getRecordComponents();
    this.names = Arrays.stream(components).map(Fields::name).toList();
  }

  private static String name(RecordComponent component) {
    return component.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  /** The value of every component by its name, in order. */
  public Map<String, Object> values(R record) {
    Map<String, Object> values = new LinkedHashMap<>();
    try {
      for (int i = 0; i < components.length; i++) {
        Object value = components[i].getAccessor().invoke(record);
        values.put(names.get(i), value instanceof Enum<?> choice ? Choice.name(choice) : value);
      }
    } catch (ReflectiveOperationException error) {
      throw new AssertionError(error); // the accessors of a public record are public
    }
    return values;
  }

  /** A copy of {@code record} with some values changed; errors are those of {@link #check}. */
  public R with(R record, Map<String, ?> changes) {
    Map<String, Object> values = values(record);
    values.putAll(changes);
    return make(check(values, List.of()));
  }

  /**
   * The values of {@link #make}, checked one by one.
   *
   * @param values of types that {@link Json#parse} or {@link #values} gives
   * @param mayBeZero names of the sizes that may be 0
   * @throws IllegalArgumentException if a name is missing or unknown, or a value is of another type
   */
  public Map<String, Object> check(Map<String, ?> values, List<String> mayBeZero) {
    for (String name : values.keySet()) {
      require(names.contains(name), name, "one of " + String.join(", ", names), "");
    }
    Map<String, Object> checked = new LinkedHashMap<>();
    for (int i = 0; i < components.length; i++) {
      String name = names.get(i);
      require(values.containsKey(name), name, "a value", ", got none");
      int least = mayBeZero.contains(name) ? 0 : 1;
      checked.put(name, value(name, components[i].getType(), values.get(name), least));
    }
    return checked;
  }

  /** The record with these values, in order; errors are those of its constructor. */
  public R make(Map<String, Object> checked) {
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      return type.getConstructor(types).newInstance(checked.values().toArray());
    } catch (InvocationTargetException error) {
      throw (RuntimeException) error.getCause(); // the constructor declares no checked exception
    } catch (ReflectiveOperationException error) {
      throw new AssertionError(error); // a public record has this constructor
    }
  }

  private static Object value(String name, Class<?> type, Object value, int least) {
    String got = ", got " + Json.repr(value);
    if (type == int.class) {
      boolean isWhole = value instanceof Number && !(value instanceof Double);
      require(isWhole, name, "a whole number", got);
      BigInteger number = new BigInteger(value.toString());
      require(number.compareTo(BigInteger.valueOf(least)) >= 0, name, "at least " + least, got);
      require(number.bitLength() < Integer.SIZE, name, "at most " + Integer.MAX_VALUE, got);
      return number.intValue();
    }
    if (type == double.class) {
      require(value instanceof Number, name, "a number", got);
      return ((Number) value).doubleValue();
    }
    if (type == boolean.class) {
      require(value instanceof Boolean, name, "true or false", got);
      return value;
    }
    require(value instanceof String, name, "text", got);
    for (Object choice : type.getEnumConstants()) {
      if (Choice.name((Enum<?>) choice).equals(value)) {
        return choice;
      }
    }
    throw new IllegalArgumentException(name + ": expected one of " + Choice.names(type) + got);
  }

  private static void require(boolean met, String name, String expected, String got) {
    if (!met) {
      throw new IllegalArgumentException(name + ": expected " + expected + got);
    }
  }
}
