package org.pygpt.files;

import static org.pygpt.files.ConfigValues.require;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/** Which layers of a family's config.json have a window, and which no positions. */
final class FamilyLayers {
  private static final int MOST_LAYERS = 1 << 20; // of a list that is made of their number
  private static final String SLIDING = "sliding_attention";
  private static final String FULL = "full_attention";

  private final Map<String, Object> says;
  private final Map<String, Object> unrotated; // null for none
  private final ConfigValues values;
  private final Map<String, Object> fields;
  private final int count;

  /**
   * What reads them.
   *
   * @param fields those that are known; added to
   */
  FamilyLayers(Family family, ConfigValues values, Map<String, Object> fields) {
    this.says = family.map("window");
    this.unrotated = family.map("unrotated");
    this.values = values;
    this.fields = fields;
    this.count = Math.min(new Options(fields).size("n_layer", 1), MOST_LAYERS);
  }

  void put() {
    boolean[] rotated = new boolean[count];
    Arrays.fill(rotated, true);
    if (unrotated != null && unrotated.containsKey("by")) {
      rotated = rotatedByKey();
    }
    boolean isUsed = !says.containsKey("used") || values.isTrue((String) says.get("used"));
    String key = (String) says.get("key");
    Object window = isUsed ? values.get(key, says.get("default")) : null;
    List<String> types = types(rotated, window != null);
    putWindow(window, types);
    if (unrotated != null && !unrotated.containsKey("by")) {
      for (int layer = 0; layer < types.size(); layer++) {
        rotated[layer] = window != null && types.get(layer).equals(SLIDING);
      }
    }
    if (unrotated != null) {
      List<Object> without = new ArrayList<>();
      for (int layer = 0; layer < count; layer++) {
        if (!rotated[layer]) {
          without.add(BigInteger.valueOf(layer));
        }
      }
      fields.put("unrotated_layers", without);
    }
    if (!fields.containsKey("window")) {
      fields.remove("local_rope_theta"); // no layer has it
    }
  }

  private boolean[] rotatedByKey() {
    int interval = values.whole(Family.object(unrotated.get("by")), 1);
    String key = (String) unrotated.get("layers");
    Object given = values.orElse(key, null);
    boolean fits = given == null || given instanceof List<?> items && items.size() >= count;
    require(fits, key, "a number for each layer", given);
    boolean[] rotated = new boolean[count];
    for (int layer = 0; layer < count; layer++) {
      rotated[layer] =
          given == null
              ? (layer + 1) % interval != 0
              : ConfigValues.isTrue(((List<?>) given).get(layer));
    }
    return rotated;
  }

  private List<String> types(boolean[] rotated, boolean hasWindow) {
    String way = (String) says.get("layers");
    return switch (way) {
      case "all" -> Collections.nCopies(count, SLIDING);
      case "attention_types" -> attentionTypes();
      case "unrotated" -> typesOr(layer -> hasWindow && !rotated[layer]);
      case "pattern" -> {
        int number = values.whole(Family.object(says.get("by")), 1);
        yield typesOr(layer -> (layer + 1) % number != 0);
      }
      default -> {
        int first = values.whole(Family.object(says.get("by")), 0);
        yield typesOr(layer -> hasWindow && layer >= first);
      }
    };
  }

  /** The key {@code layer_types}, or without it what a function of a layer's number says. */
  private List<String> typesOr(IntPredicate isSliding) {
    Object given = values.orElse("layer_types", null);
    List<String> types = new ArrayList<>();
    if (given == null) {
      for (int layer = 0; layer < count; layer++) {
        types.add(isSliding.test(layer) ? SLIDING : FULL);
      }
      return types;
    }
    require(given instanceof List, "layer_types", "a list", given);
    ((List<?>) given)
        .forEach(type -> types.add(type instanceof String text ? text : Json.write(type)));
    return types;
  }

  /** GPT-Neo's: lists of kinds, each with how often it comes. */
  private List<String> attentionTypes() {
    Object given = values.orElse("attention_types", null);
    if (given == null) {
      List<String> usual = new ArrayList<>();
      for (int layer = 0; layer < 24; layer++) {
        usual.add(layer % 2 == 0 ? FULL : SLIDING);
      }
      return usual;
    }
    List<String> types = new ArrayList<>();
    boolean holds = given instanceof List;
    for (Object item : holds ? (List<?>) given : List.of()) {
      List<?> pair = item instanceof List<?> is && is.size() == 2 ? is : List.of(0, 0);
      boolean fits = pair.getFirst() instanceof List && pair.getLast() instanceof BigInteger;
      holds &= fits;
      int times =
          fits ? ((BigInteger) pair.getLast()).min(BigInteger.valueOf(count)).intValue() : 0;
      for (int i = 0; i < times; i++) {
        for (Object kind : (List<?>) pair.getFirst()) {
          holds &= "global".equals(kind) || "local".equals(kind);
          types.add("local".equals(kind) ? SLIDING : FULL);
        }
      }
    }
    require(holds, "attention_types", "lists of global and local with a count", given);
    return types;
  }

  private void putWindow(Object window, List<String> types) {
    for (String kind : types) {
      boolean isKnown = kind.equals(SLIDING) || kind.equals(FULL);
      require(isKnown, "layer_types", SLIDING + " or " + FULL, kind);
    }
    int layers = new Options(fields).size("n_layer", 1);
    require(
        types.size() == layers,
        "layer_types",
        "one for each of " + layers + " layers",
        types.size());
    List<Object> sliding = new ArrayList<>();
    for (int layer = 0; layer < types.size(); layer++) {
      if (types.get(layer).equals(SLIDING)) {
        sliding.add(BigInteger.valueOf(layer));
      }
    }
    if (window == null || sliding.isEmpty()) {
      return;
    }
    boolean isCount = window instanceof BigInteger size && size.signum() > 0;
    require(isCount, "sliding_window", "none, or at least 1", window);
    fields.put("window", window);
    fields.put("window_layers", sliding.size() == types.size() ? List.of() : sliding);
  }
}
