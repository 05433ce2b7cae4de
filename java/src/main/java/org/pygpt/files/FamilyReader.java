package org.pygpt.files;

import static org.pygpt.files.ConfigValues.require;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pygpt.kernels.Activation;
import org.pygpt.model.GPTConfig;
import org.pygpt.text.Choice;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/**
 * A config.json of a family, to our configuration: what its row of families.json says. What the
 * engine cannot do is refused by its key. Python's {@code pygpt.checkpoints.families.read} reads
 * the same rows.
 */
final class FamilyReader {
  private static final Set<String> NAMELESS = Set.of("gpt2", "llama"); // not named in fields
  private static final Set<String> USUALLY_WITHOUT = Set.of("qk_norm", "head"); // biases
  private static final String TRUE_OR_FALSE = "true or false";

  private final Family family;
  private final ConfigValues values;
  private final Map<String, Object> fields = new HashMap<>();

  private FamilyReader(Family family, Map<String, Object> values) {
    this.family = family;
    this.values = new ConfigValues(values);
  }

  /**
   * The architecture that a config.json says.
   *
   * @throws IllegalArgumentException under its key: what the engine cannot do, or a value that is
   *     not allowed
   */
  static GPTConfig read(Family family, Map<String, Object> values) {
    FamilyReader reader = new FamilyReader(family, byItsKeys(family, values));
    reader.checkKeys();
    try {
      reader.readFields();
      return GPTConfig.of(reader.fields);
    } catch (IllegalArgumentException error) { // of a field of ours: under its key there
      String message = error.getMessage();
      int colon = Math.max(0, message.indexOf(':'));
      Object key = family.map("keys").get(message.substring(0, colon));
      throw new IllegalArgumentException(key == null ? message : key + message.substring(colon));
    }
  }

  /** The values, in which what stands under another name stands under its own. */
  private static Map<String, Object> byItsKeys(Family family, Map<String, Object> values) {
    Map<String, Object> named = new LinkedHashMap<>(values);
    family
        .map("aliases")
        .forEach((alias, key) -> {
          if (values.containsKey(alias)) {
            Object value = values.get(alias);
            if (!named.containsKey(key)) {
              named.put((String) key, value);
            }
            String which = key + " = " + Json.write(named.get(key)) + ", which it stands for";
            require(ConfigValues.same(named.get(key), value), alias, which, value);
          }
        });
    return named;
  }

  private void checkKeys() {
    family
        .map("only")
        .forEach((key, allowed) -> {
          Object got = values.get(key, allowed);
          String expected = Json.write(allowed) + ", as the engine has";
          require(ConfigValues.same(got, allowed), key, expected, got);
        });
    boolean own = values.isTrue("auto_map"); // code of its own, which may use any key
    Set<String> known =
        (own ? Stream.of(family) : Family.NAMES.stream().map(Family::new))
            .flatMap(one -> one.knownKeys().stream())
            .collect(Collectors.toSet());
    for (String key : new TreeSet<>(values.keys())) {
      Object value = values.get(key, null);
      boolean isEmpty = value == null || value.equals(List.of()) || value.equals(Map.of());
      boolean changesNothing =
          isEmpty
              || known.contains(key)
              || Family.HARMLESS.contains(key)
              || Family.HARMLESS_VALUES.containsKey(key)
                  && ConfigValues.same(Family.HARMLESS_VALUES.get(key), value);
      if (!changesNothing) {
        throw new IllegalArgumentException(
            key
                + ": expected no such key, which "
                + (own
                    ? "only the model's own code understands"
                    : "neither transformers nor pygpt knows; remove it if it changes nothing"));
      }
    }
  }

  private void readFields() {
    GPTConfig.gpt2(1, 1, 1, 1, 1)
        .values()
        .forEach((name, value) -> { // what is usual
          if (!(value instanceof Integer)) {
            fields.put(name, value);
          }
        });
    fields.put("n_kv_head", BigInteger.ZERO);
    fields.put("n_inner", BigInteger.ZERO);
    fields.putAll(family.map("fixed"));
    family.map("keys").forEach((field, key) -> fields.put(field, sized(field, (String) key)));
    Options sizes = new Options(fields);
    for (String name : List.of("n_embd", "n_head", "n_layer", "block_size")) {
      sizes.size(name, 1);
    }
    putActivation();
    fields.put("family", NAMELESS.contains(family.name()) ? "" : family.name());
    family
        .map("same")
        .forEach((key, field) -> {
          Object got = values.get(key, null);
          Object has = fields.get(field);
          String expected = family.map("keys").get(field) + " = " + has + ", as the engine has";
          require(got == null || ConfigValues.same(got, has), key, expected, got);
        });
    putDropout();
    if (family.map("biases") != null) {
      putBiases();
    }
    if (family.map("rope") != null) {
      new FamilyRope(family.map("rope"), values, fields).put();
    }
    family.map("numbers").forEach((field, says) -> fields.put(field, number(Family.object(says))));
    family.map("choices").forEach((field, says) -> fields.put(field, choice(Family.object(says))));
    if (family.flag("scaled_embedding")) {
      fields.put("embedding_scale", Math.sqrt(sizes.size("n_embd", 1)));
    }
    if (family.map("window") != null) {
      new FamilyLayers(family, values, fields).put();
    }
    putSpecial();
    normalize();
  }

  /** The value of a key that stands for one field. */
  private Object sized(String field, String key) {
    Object value = values.get(key, null);
    if (value == null && family.map("older").containsKey(field)) {
      value = values.get((String) family.map("older").get(field), null);
    }
    if (value == null && values.has(key) && Set.of("n_kv_head", "head_dim").contains(field)) {
      return BigInteger.ZERO;
    }
    if (value == null) {
      boolean hasDefault = family.map("defaults").containsKey(field);
      if (!hasDefault) {
        throw new IllegalArgumentException(key + ": expected a value, got none");
      }
      value = family.map("defaults").get(field);
    }
    return value;
  }

  private void putActivation() {
    Map<String, Object> says = family.map("activation");
    String key = (String) says.get("key");
    Object value = values.get(key, says.get("default"));
    value = Family.object(says.get("means")).getOrDefault(value, value);
    Object ours = value instanceof String ? Family.ACTIVATIONS.get(value) : null;
    require(ours != null, key, "one of " + String.join(", ", Family.ACTIVATIONS.keySet()), value);
    fields.put("activation", (boolean) says.get("gated") ? gated((String) ours) : ours);
  }

  private static String gated(String function) {
    return Stream.of(Activation.values())
        .filter(activation -> activation.isGated())
        .filter(activation -> Choice.name(activation.function()).equals(function))
        .map(Choice::name)
        .findFirst()
        .orElseThrow();
  }

  private void putDropout() {
    Object usual = family.map("dropout").get("default");
    List<Object> found = new ArrayList<>();
    for (Object key : Family.list(family.map("dropout").get("keys"))) {
      found.add(values.get((String) key, usual));
    }
    boolean agree = found.stream().allMatch(one -> ConfigValues.same(one, found.getFirst()));
    fields.put("dropout", agree ? found.getFirst() : (Object) 0.0);
  }

  private void putBiases() {
    Map<String, Boolean> has = new LinkedHashMap<>();
    family
        .map("biases")
        .forEach((part, says) -> {
          Object value = says instanceof Map ? values.of(Family.object(says)) : says;
          String name = part.equals("qkv") ? "attention bias" : part;
          require(value instanceof Boolean, name, TRUE_OR_FALSE, value);
          has.put(part, (Boolean) value);
        });
    boolean bias = has.remove("qkv");
    List<String> except = new ArrayList<>();
    has.forEach((part, is) -> {
      if (is != (bias && !USUALLY_WITHOUT.contains(part))) {
        except.add(part);
      }
    });
    fields.put("bias", bias);
    fields.put("bias_except", except);
  }

  /** A number under a key, in the way that it is taken. */
  private Object number(Map<String, Object> says) {
    String key = (String) says.get("key");
    Object value = values.get(key, says.get("default"));
    switch ((String) says.get("as")) {
      case "cap" -> {
        return ConfigValues.isTrue(value) ? value : (Object) 0.0;
      }
      case "even" -> {
        boolean isEven = value instanceof BigInteger n && !n.testBit(0) && n.signum() > 0;
        require(isEven, key, "an even number from 2 on", value);
      }
      case "inverse", "inverse_root" -> {
        Object given = value == null ? says.get("default") : value;
        boolean isPositive = given instanceof Number n && n.doubleValue() > 0;
        require(isPositive, key, "a number above 0", given);
        double number = ((Number) given).doubleValue();
        return says.get("as").equals("inverse") ? 1 / number : Math.pow(number, -0.5);
      }
      case null, default -> {} // as it is
    }
    return value;
  }

  private Object choice(Map<String, Object> says) {
    String key = (String) says.get("key");
    Object chosen = values.get(key, says.get("default"));
    require(chosen == null || chosen instanceof Boolean, key, TRUE_OR_FALSE, chosen);
    return says.get(Boolean.TRUE.equals(chosen) ? "yes" : "no");
  }

  // ---- what one family alone has ---------------------------------------------------------------

  private void putSpecial() {
    switch (family.text("special")) {
      case "mpt" -> putMpt();
      case "falcon" -> putFalcon();
      case null, default -> {} // nothing
    }
  }

  private void putMpt() {
    Object given = values.orElse("attn_config", Map.of());
    require(given instanceof Map, "attn_config", "an object", given);
    ConfigValues attention = new ConfigValues(Family.object(given));
    Map<String, Object> only = new LinkedHashMap<>();
    only.put("alibi", true);
    only.put("clip_qkv", null);
    only.put("qk_ln", false);
    only.put("prefix_lm", false);
    only.put("attn_type", "multihead_attention");
    only.forEach((key, allowed) -> {
      Object got = attention.get(key, allowed);
      String expected = Json.write(allowed) + ", as the engine has";
      require(ConfigValues.same(got, allowed), "attn_config: " + key, expected, got);
    });
    fields.put("attention_scale", attention.orElse("softmax_scale", 0.0));
  }

  private void putFalcon() {
    boolean isNew = values.isTrue("new_decoder_architecture");
    boolean isParallel = ConfigValues.isTrue(values.orElse("parallel_attn", true));
    BigInteger usual = isNew ? BigInteger.TWO : BigInteger.ONE;
    Object norms = values.orElse("num_ln_in_parallel_attn", usual);
    boolean isOne = BigInteger.ONE.equals(norms);
    boolean isKnown = isOne || BigInteger.TWO.equals(norms);
    if (!isNew && !isOne || isNew && !isParallel || !isKnown) {
      throw new IllegalArgumentException(
          "num_ln_in_parallel_attn: expected that of a published model, got another");
    }
    boolean isShared = !isNew && ConfigValues.isTrue(values.orElse("multi_query", true));
    Object groups = isNew ? values.orElse("num_kv_heads", BigInteger.ZERO) : BigInteger.ZERO;
    fields.put("n_kv_head", isShared ? BigInteger.ONE : groups);
    String branches = isOne ? "parallel_one_norm" : "parallel";
    fields.put("residual", isParallel ? branches : "serial");
  }

  /** Values that say what is usual become those that stand for it, as in Python. */
  private void normalize() {
    Options sizes = new Options(fields);
    int width = sizes.size("n_embd", 1);
    int heads = sizes.size("n_head", 1);
    int usual = width % heads == 0 ? width / heads : 0;
    int given = fields.containsKey("head_dim") ? sizes.size("head_dim", 0) : 0;
    int head = given == 0 ? width / heads : given;
    if (given == usual) {
      fields.remove("head_dim");
    }
    if (fields.containsKey("rotary_dim") && sizes.size("rotary_dim", 0) == head) {
      fields.remove("rotary_dim");
    }
    Object scale = fields.get("attention_scale");
    if (scale instanceof Number number && number.doubleValue() == Math.pow(head, -0.5)) {
      fields.remove("attention_scale");
    }
    if (fields.get("bias_except") instanceof List<?> parts) {
      fields.put("bias_except", List.copyOf(new TreeSet<>(parts)));
    }
  }
}
