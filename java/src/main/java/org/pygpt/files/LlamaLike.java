package org.pygpt.files;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/**
 * The config.json of Llama and of the families that differ from it in little; what a missing key
 * means is as in transformers 5.
 */
final class LlamaLike {
  /** The values of {@code model_type}. */
  static final List<String> FAMILIES =
      List.of("llama", "mistral", "qwen2", "qwen3", "smollm3", "phi3");

  private static final Set<String> WITH_HEAD_DIM = Set.of("llama", "mistral", "qwen3");
  private static final List<String> NO_EFFECT =
      List.of("rope_type", "type", "rope_theta", "finetuned");
  private static final String CONTEXT = "original_max_position_embeddings";
  private static final BigInteger QWEN3_HEAD = BigInteger.valueOf(128);
  private static final int MISTRAL_WINDOW = 4096;

  private final String family;
  private final Map<String, Object> values;

  LlamaLike(String family, Map<String, Object> values) {
    this.family = family;
    this.values = values;
  }

  private Object value(String key, Object byDefault) {
    Object value = values.get(key);
    return value == null ? byDefault : value;
  }

  private boolean flag(String key, boolean byDefault) {
    Object value = value(key, byDefault);
    if (value instanceof Boolean is) {
      return is;
    }
    throw new IllegalArgumentException(key + ": expected true or false, got " + Json.write(value));
  }

  private static void require(boolean holds, String key, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(
          key + ": expected " + expected + ", got " + Json.write(got));
    }
  }

  /**
   * The fields of {@link org.pygpt.model.GPTConfig}.
   *
   * @throws IllegalArgumentException for what Java does not read, by its key
   */
  Map<String, Object> fields() {
    Object quantized = values.get("quantization_config");
    require(quantized == null, "quantization_config", "none, as the engine has", quantized);
    require(
        "silu".equals(value("hidden_act", "silu")),
        "hidden_act",
        "\"silu\" in Java",
        values.get("hidden_act"));
    Map<String, Object> fields = new HashMap<>();
    fields.put("family", family.equals("llama") ? "" : family);
    fields.put("block_size", values.get("max_position_embeddings"));
    fields.put("n_embd", values.get("hidden_size"));
    fields.put("n_layer", values.get("num_hidden_layers"));
    fields.put("n_head", values.get("num_attention_heads"));
    fields.put("n_kv_head", value("num_key_value_heads", 0));
    fields.put("n_inner", values.get("intermediate_size"));
    fields.put("norm_eps", value("rms_norm_eps", family.equals("phi3") ? 1e-5 : 1e-6));
    fields.put("tie_weights", value("tie_word_embeddings", family.equals("smollm3")));
    fields.put("dropout", value("dropout", 0.0));
    fields.put("norm", "rmsnorm");
    fields.put("activation", "swiglu");
    fields.put("positions", "rotary");
    if (family.equals("qwen3")) {
      fields.put("qk_norm", "head");
    }
    if (WITH_HEAD_DIM.contains(family)) {
      putHeadDim(fields);
    }
    putBiases(fields);
    putRope(fields);
    putLayers(fields);
    return fields;
  }

  private void putHeadDim(Map<String, Object> fields) {
    Options sizes = new Options(fields);
    int usual = sizes.size("n_embd", 1) / sizes.size("n_head", 1);
    boolean isMissing = family.equals("qwen3") && !values.containsKey("head_dim");
    Object given = isMissing ? QWEN3_HEAD : value("head_dim", BigInteger.valueOf(usual));
    if (!BigInteger.valueOf(usual).equals(given)) {
      fields.put("head_dim", given);
    }
  }

  private void putBiases(Map<String, Object> fields) {
    boolean isQwen2 = family.equals("qwen2");
    boolean hasKey = !isQwen2 && !family.equals("mistral") && !family.equals("phi3");
    boolean qkv = isQwen2 || hasKey && flag("attention_bias", false);
    boolean mlp = (family.equals("llama") || family.equals("smollm3")) && flag("mlp_bias", false);
    require(
        !family.equals("phi3") || !flag("attention_bias", false),
        "attention_bias",
        "false, as the engine has",
        true);
    List<String> except = new ArrayList<>();
    if (isQwen2) {
      except.add("proj");
    }
    if (mlp != qkv) {
      except.add("mlp");
    }
    fields.put("bias", qkv);
    fields.put("bias_except", except);
  }

  // ---- rotary positions ------------------------------------------------------------------------

  private void putRope(Map<String, Object> fields) {
    Object one = value("rope_scaling", Map.of());
    Object rope = one instanceof Map<?, ?> is && is.isEmpty() ? value("rope_parameters", one) : one;
    require(rope instanceof Map, "rope_parameters", "an object", rope);
    Map<?, ?> rotary = (Map<?, ?>) rope;
    Object theta = rotary.get("rope_theta");
    double usual = family.equals("smollm3") ? 2e6 : 1e4;
    fields.put("rope_theta", theta == null ? value("rope_theta", usual) : theta);
    boolean isPartial = family.equals("phi3");
    List<String> scaling = scaling(rotary, fields, isPartial);
    fields.put("rope_scaling", scaling);
    Object part = rotary.get("partial_rotary_factor");
    part = part == null ? values.get("partial_rotary_factor") : part;
    if (isPartial) {
      require(scaling.isEmpty(), "rope_type", "\"default\", as the engine has", scaling);
      double factor = part instanceof Number number ? number.doubleValue() : 1;
      require(factor > 0 && factor <= 1, "partial_rotary_factor", "above 0, at most 1", part);
      Options sizes = new Options(fields);
      int head = sizes.size("n_embd", 1) / sizes.size("n_head", 1);
      fields.put("rotary_dim", BigInteger.valueOf((int) (head * factor)));
    } else {
      boolean isWhole = part == null || part instanceof Number number && number.doubleValue() == 1;
      require(isWhole, "partial_rotary_factor", "1.0, as the engine has", part);
    }
  }

  /** The field {@code rope_scaling}: a kind, then name=value in order. */
  private List<String> scaling(Map<?, ?> rotary, Map<String, Object> fields, boolean isPartial) {
    Object kind = rotary.get("rope_type") == null ? rotary.get("type") : rotary.get("rope_type");
    Map<String, Object> numbers = new HashMap<>();
    rotary.forEach((name, number) -> {
      if (!NO_EFFECT.contains(name) && !(isPartial && name.equals("partial_rotary_factor"))) {
        numbers.put((String) name, number);
      }
    });
    if (kind == null || kind.equals("default")) {
      require(numbers.isEmpty(), "rope_parameters", "none that the engine lacks", numbers);
      return List.of();
    }
    if (kind.equals("linear") || kind.equals("dynamic")) {
      numbers.remove(CONTEXT); // which transformers passes over
    }
    numbers.values().removeIf(number -> number == null);
    if (kind.equals("llama3") || kind.equals("yarn")) {
      Object block = fields.get("block_size");
      numbers.put(CONTEXT, values.getOrDefault(CONTEXT, numbers.getOrDefault(CONTEXT, block)));
      if (kind.equals("yarn")) {
        numbers.putIfAbsent(
            "factor", number("block_size", block) / number(CONTEXT, numbers.get(CONTEXT)));
      }
    }
    List<String> words = new ArrayList<>(List.of(kind.toString()));
    for (String name : new TreeSet<>(numbers.keySet())) {
      words.add(name + "=" + number("rope_parameters: " + name, numbers.get(name)));
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

  // ---- layers of different kinds ---------------------------------------------------------------

  private void putLayers(Map<String, Object> fields) {
    int layers = new Options(fields).size("n_layer", 1);
    switch (family) {
      case "mistral" -> {
        boolean isGiven = values.containsKey("sliding_window");
        putWindows(
            fields, layers, isGiven ? values.get("sliding_window") : MISTRAL_WINDOW, _ -> true);
      }
      case "phi3" -> putWindows(fields, layers, values.get("sliding_window"), _ -> true);
      case "qwen2", "qwen3" -> {
        int first = (int) number("max_window_layers", value("max_window_layers", 28));
        Object usual =
            values.containsKey("sliding_window") ? values.get("sliding_window") : MISTRAL_WINDOW;
        Object window = flag("use_sliding_window", false) ? usual : null;
        putTypes(fields, layers, window, layer -> window != null && layer >= first);
      }
      case "smollm3" -> {
        int interval = (int) number("no_rope_layer_interval", value("no_rope_layer_interval", 4));
        List<?> rotated = values.get("no_rope_layers") instanceof List<?> given ? given : null;
        require(
            rotated == null || rotated.size() >= layers,
            "no_rope_layers",
            "a number for each layer",
            rotated);
        IntPredicate isRotated =
            layer ->
                rotated == null
                    ? (layer + 1) % interval != 0
                    : number("no_rope_layers", rotated.get(layer)) != 0;
        List<Object> unrotated = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
          if (!isRotated.test(layer)) {
            unrotated.add(BigInteger.valueOf(layer));
          }
        }
        fields.put("unrotated_layers", unrotated);
        Object window = flag("use_sliding_window", false) ? values.get("sliding_window") : null;
        putTypes(fields, layers, window, layer -> window != null && !isRotated.test(layer));
      }
      default -> {} // all layers see all
    }
  }

  /** The windows that {@code layer_types} says, or without it a function of a layer's number. */
  private void putTypes(
      Map<String, Object> fields, int layers, Object window, IntPredicate isSliding) {
    if (values.get("layer_types") == null) {
      putWindows(fields, layers, window, isSliding);
      return;
    }
    List<?> types = values.get("layer_types") instanceof List<?> is ? is : List.of();
    require(types.size() == layers, "layer_types", "one for each layer", values.get("layer_types"));
    for (Object type : types) {
      boolean isKnown = List.of("sliding_attention", "full_attention").contains(type);
      require(isKnown, "layer_types", "sliding_attention or full_attention", type);
    }
    putWindows(fields, layers, window, layer -> types.get(layer).equals("sliding_attention"));
  }

  private static void putWindows(
      Map<String, Object> fields, int layers, Object window, IntPredicate isSliding) {
    List<Object> sliding = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      if (isSliding.test(layer)) {
        sliding.add(BigInteger.valueOf(layer));
      }
    }
    if (window == null || sliding.isEmpty()) {
      return;
    }
    double size = number("sliding_window", window);
    require(size >= 1, "sliding_window", "none, or at least 1", window);
    fields.put("window", BigInteger.valueOf((long) size));
    fields.put("window_layers", sliding.size() == layers ? List.of() : sliding);
  }
}
