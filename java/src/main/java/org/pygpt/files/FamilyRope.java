package org.pygpt.files;

import static org.pygpt.files.ConfigValues.require;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.pygpt.text.Options;

/**
 * The rotary positions of a family's config.json; what a missing key means is as in transformers 5.
 */
final class FamilyRope {
  private static final Set<String> NO_EFFECT =
      Set.of("rope_type", "type", "rope_theta", "finetuned");
  private static final Set<String> KINDS = Set.of("full_attention", "sliding_attention");
  private static final String PARAMETERS = "rope_parameters";
  private static final String PART = "partial_rotary_factor";
  private static final String CONTEXT = "original_max_position_embeddings";

  private final Map<String, Object> says;
  private final ConfigValues values;
  private final Map<String, Object> fields;

  /**
   * What reads them.
   *
   * @param says of the family's row
   * @param fields those that are known, the sizes among them; added to
   */
  FamilyRope(Map<String, Object> says, ConfigValues values, Map<String, Object> fields) {
    this.says = says;
    this.values = values;
    this.fields = fields;
  }

  void put() {
    fields.put("positions", "rotary");
    if (says.containsKey("local")) {
      putByKind();
      return;
    }
    Object scaling = values.get("rope_scaling", null);
    Object given = ConfigValues.isTrue(scaling) ? scaling : values.get(PARAMETERS, null);
    Map<String, Object> rope = parameters(given);
    Object usual = says.getOrDefault("theta", 1e4);
    String thetaKey = (String) says.getOrDefault("theta_key", "rope_theta");
    fields.put("rope_theta", rope.getOrDefault("rope_theta", values.get(thetaKey, usual)));
    fields.put("rope_scaling", scaling(rope));
    String partKey = (String) says.getOrDefault("partial_key", PART);
    Object part = rope.getOrDefault(PART, values.get(partKey, null));
    if (says.containsKey("partial")) {
      putPart(part == null ? says.get("partial") : part);
    } else {
      boolean isWhole = part == null || part instanceof Number n && n.doubleValue() == 1;
      require(isWhole, PART, "1.0, as the engine has", part);
    }
    if (says.containsKey("unscaled")) { // transformers takes yarn for longrope here
      List<?> kind = (List<?>) fields.get("rope_scaling");
      require(kind.isEmpty(), "rope_type", "\"default\", as the engine has", kind);
    }
  }

  private static Map<String, Object> parameters(Object given) {
    Object rope = ConfigValues.isTrue(given) ? given : Map.of();
    require(rope instanceof Map, PARAMETERS, "an object", rope);
    return Family.object(rope);
  }

  private void putPart(Object part) {
    boolean holds = part instanceof Number n && n.doubleValue() > 0 && n.doubleValue() <= 1;
    require(holds, PART, "a number above 0, at most 1", part);
    Options sizes = new Options(fields);
    int given = fields.containsKey("head_dim") ? sizes.size("head_dim", 0) : 0;
    int head = given == 0 ? sizes.size("n_embd", 1) / sizes.size("n_head", 1) : given;
    int columns = (int) (head * ((Number) part).doubleValue());
    boolean isEven = columns % 2 == 0 || !says.containsKey("even");
    require(isEven, PART, "an even number of rotated columns", columns);
    fields.put("rotary_dim", BigInteger.valueOf(columns));
  }

  /** The field {@code rope_scaling}: a kind, then name=value in order. */
  private List<String> scaling(Map<String, Object> rope) {
    Object kind = rope.getOrDefault("rope_type", rope.getOrDefault("type", "default"));
    Map<String, Object> numbers = new HashMap<>(rope);
    numbers.keySet().removeAll(NO_EFFECT);
    if (says.containsKey("partial")) {
      numbers.remove(PART);
    }
    if ("default".equals(kind)) {
      for (String key : numbers.keySet()) {
        throw new IllegalArgumentException(
            PARAMETERS + ": expected no " + key + ", which the engine lacks");
      }
      return List.of();
    }
    if ("linear".equals(kind) || "dynamic".equals(kind)) {
      numbers.remove(CONTEXT); // which transformers passes over
    }
    numbers.values().removeIf(number -> number == null);
    if ("llama3".equals(kind) || "yarn".equals(kind)) {
      Object block = fields.get("block_size");
      numbers.put(CONTEXT, values.get(CONTEXT, numbers.getOrDefault(CONTEXT, block)));
      if ("yarn".equals(kind) && !numbers.containsKey("factor")) {
        double context = number(CONTEXT, numbers.get(CONTEXT));
        numbers.put("factor", number("block_size", block) / context);
      }
    }
    List<String> words = new ArrayList<>(List.of(String.valueOf(kind)));
    for (String name : new TreeSet<>(numbers.keySet())) {
      words.add(name + "=" + number(PARAMETERS + ": " + name, numbers.get(name)));
    }
    return words;
  }

  private static double number(String name, Object value) {
    if (value instanceof Boolean is) {
      return is ? 1 : 0;
    }
    require(value instanceof Number, name, "a number", value);
    return ((Number) value).doubleValue();
  }

  /** Where layers with a window have rotary parameters of their own. */
  private void putByKind() {
    Map<String, Object> all = parameters(values.get(PARAMETERS, null));
    for (String key : all.keySet()) {
      if (!KINDS.contains(key)) {
        throw new IllegalArgumentException(
            PARAMETERS + ": expected no " + key + " beside those of layer types");
      }
    }
    Map<String, Object> full = new HashMap<>(parameters(all.get("full_attention")));
    full.putAll(parameters(values.get("rope_scaling", null)));
    Map<String, Object> local = parameters(all.get("sliding_attention"));
    List<String> other = scaling(local);
    require(
        other.isEmpty(),
        PARAMETERS,
        "rope_type \"default\" in sliding_attention, as the engine has",
        other);
    Object theta = full.getOrDefault("rope_theta", values.get("rope_theta", says.get("theta")));
    fields.put("rope_theta", theta);
    List<String> scaling = scaling(full);
    fields.put("rope_scaling", scaling);
    Map<String, Object> asked = Family.object(says.get("local"));
    Object beside = values.get((String) asked.get("key"), asked.get("default"));
    Object own = local.getOrDefault("rope_theta", beside);
    boolean isSame = ConfigValues.same(own, theta) && scaling.isEmpty();
    fields.put("local_rope_theta", isSame ? (Object) 0.0 : own);
  }
}
