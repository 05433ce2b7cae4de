package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.pygpt.text.Json;

/**
 * Immutable: how {@code transformers} has a family of models; a row of families.json, which Python
 * reads too and whose members {@code pygpt/checkpoints/families/family.py} describes.
 */
final class Family {
  private static final Map<String, Object> TABLE = table();
  private static final Map<String, Object> ROWS = object(TABLE.get("families"));

  /** Keys that say nothing of what is computed. */
  static final Set<String> HARMLESS =
      list(TABLE.get("harmless")).stream()
          .flatMap(line -> Arrays.stream(((String) line).split(" ")))
          .collect(Collectors.toUnmodifiableSet());

  /** Others, with the value that changes nothing. */
  static final Map<String, Object> HARMLESS_VALUES = object(TABLE.get("harmless_values"));

  /** The activations of {@code transformers}, with ours. */
  static final Map<String, Object> ACTIVATIONS = object(TABLE.get("activations"));

  /** The values of {@code model_type}. */
  static final List<String> NAMES = List.copyOf(ROWS.keySet());

  private final String name;
  private final Map<String, Object> row = new LinkedHashMap<>(object(TABLE.get("usual")));

  /** The row of one of {@link #NAMES}. */
  Family(String name) {
    this.name = name;
    row.putAll(object(ROWS.get(name)));
    for (String part :
        List.of("keys", "aliases", "defaults", "fixed", "only", "outer", "modules")) {
      row.put(part, merged(list(row.get(part))));
    }
  }

  private static Map<String, Object> table() {
    try (InputStream file = Family.class.getResourceAsStream("families.json")) {
      return Json.parseObject(new String(file.readAllBytes(), UTF_8));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @SuppressWarnings("unchecked") // the reader makes no other map
  static Map<String, Object> object(Object value) {
    return (Map<String, Object>) value;
  }

  static List<?> list(Object value) {
    return (List<?>) value;
  }

  /** One object of several: names of parts, objects, and lists of what is left out. */
  private static Map<String, Object> merged(List<?> items) {
    Map<String, Object> merged = new LinkedHashMap<>();
    for (Object item : items) {
      if (item instanceof List<?> names) {
        merged.keySet().removeAll(names);
      } else {
        merged.putAll(
            object(item instanceof String part ? object(TABLE.get("parts")).get(part) : item));
      }
    }
    return merged;
  }

  String name() {
    return name;
  }

  /** A member that is an object; null where it is null. */
  Map<String, Object> map(String member) {
    return object(row.get(member));
  }

  /** A member that is text. */
  String text(String member) {
    return (String) row.get(member);
  }

  /** A member that is true or false. */
  boolean flag(String member) {
    return (boolean) row.get(member);
  }

  /** A member that is a number. */
  double number(String member) {
    return ((Number) row.get(member)).doubleValue();
  }

  /** All keys of a config.json that the family knows. */
  Set<String> knownKeys() {
    Set<Object> keys = new HashSet<>(map("keys").values());
    keys.addAll(map("aliases").keySet());
    keys.addAll(map("older").values());
    keys.addAll(map("only").keySet());
    keys.addAll(map("same").keySet());
    keys.addAll(list(row.get("also")));
    keys.add(map("activation").get("key"));
    keys.addAll(list(map("dropout").get("keys")));
    for (String member : List.of("numbers", "choices", "biases")) {
      addAsked(keys, map(member) == null ? List.of() : map(member).values());
    }
    if (map("rope") != null) {
      keys.addAll(
          List.of("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor"));
      keys.add(map("rope").get("theta_key"));
      keys.add(map("rope").get("partial_key"));
      addAsked(keys, map("rope").values());
    }
    if (map("window") != null) {
      boolean isNeo = map("window").get("layers").equals("attention_types");
      keys.add(isNeo ? "attention_types" : "layer_types");
      keys.add(map("window").get("key"));
      keys.add(map("window").get("used"));
      addAsked(keys, map("window").values());
    }
    if (map("unrotated") != null) {
      keys.add(map("unrotated").get("layers"));
      addAsked(keys, map("unrotated").values());
    }
    return keys.stream()
        .filter(String.class::isInstance)
        .map(String.class::cast)
        .collect(Collectors.toSet());
  }

  private static void addAsked(Set<Object> keys, Iterable<?> members) {
    for (Object member : members) {
      if (member instanceof Map<?, ?> asked) {
        keys.add(asked.get("key"));
      }
    }
  }
}
