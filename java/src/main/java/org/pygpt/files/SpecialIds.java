package org.pygpt.files;

import java.math.BigInteger;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.pygpt.text.Json;

/**
 * Immutable: the ids with a meaning, as a model's files name them.
 *
 * @param bos begins a text
 * @param eos each ends one
 * @param pad fills up shorter sequences
 */
public record SpecialIds(OptionalInt bos, List<Integer> eos, OptionalInt pad) {
  /**
   * Those of a file's values.
   *
   * @param ending of the keys, {@code _token_id} in Hugging Face's files
   * @throws IllegalArgumentException if one is no whole number
   */
  static SpecialIds of(Map<?, ?> values, String ending) {
    return new SpecialIds(
        first(ids("bos" + ending, values)),
        ids("eos" + ending, values),
        first(ids("pad" + ending, values)));
  }

  private static OptionalInt first(List<Integer> ids) {
    return ids.stream().mapToInt(id -> id).findFirst();
  }

  private static List<Integer> ids(String name, Map<?, ?> values) {
    Object value = values.get(name);
    Collection<?> items = value instanceof List<?> list ? list : Stream.ofNullable(value).toList();
    return items.stream()
        .map(item -> {
          if (item instanceof BigInteger id && id.signum() >= 0 && id.bitLength() < Integer.SIZE) {
            return id.intValue();
          }
          throw new IllegalArgumentException(
              name + ": expected whole numbers, got " + Json.write(value));
        })
        .toList();
  }
}
