package org.pygpt.files;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pygpt.model.GPTConfig;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/** GPT-2's and Llama's config.json and names of tensors, as {@code transformers} writes them. */
final class HuggingFace {
  /** Where the values of {@code model_type} that are known here. */
  static final List<String> FAMILIES = List.of("gpt2", "llama");

  private static final Pattern BUFFER =
      Pattern.compile("(.*\\.)?((attn|attention)\\.(masked_)?bias|rotary_emb\\.inv_freq)");
  private static final Pattern IN_LAYER = Pattern.compile("h\\.(\\d+)\\.(.*)\\.(weight|bias)");
  private static final Map<String, String> LLAMA_OUTER =
      Map.of("wte.weight", "model.embed_tokens.weight", "ln_f.weight", "model.norm.weight");
  private static final Map<String, List<String>> LLAMA_MODULES =
      Map.of(
          "ln_1", List.of("input_layernorm"),
          "attn.c_attn", List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
          "attn.c_proj", List.of("self_attn.o_proj"),
          "ln_2", List.of("post_attention_layernorm"),
          "mlp.c_fc", List.of("mlp.gate_proj", "mlp.up_proj"),
          "mlp.c_proj", List.of("mlp.down_proj"));

  private final String family;
  private final Map<String, Object> values;

  /** The configuration of a family with these members. */
  HuggingFace(String family, Map<String, Object> values) {
    this.family = family;
    this.values = values;
  }

  private Object value(String key, Object byDefault) {
    Object value = values.get(key);
    return value == null ? byDefault : value;
  }

  private void requireIs(String key, Object expected) {
    Object got = value(key, expected);
    if (!got.equals(expected)) {
      throw new IllegalArgumentException(
          key + ": expected " + Json.write(expected) + " in Java, got " + Json.write(got));
    }
  }

  /**
   * The architecture.
   *
   * @throws IllegalArgumentException for what Java does not read, by its key
   */
  GPTConfig config() {
    Map<String, Object> fields = new HashMap<>();
    fields.put("vocab_size", values.get("vocab_size"));
    fields.put("dropout", 0.0);
    fields.put("norm_gain", true);
    fields.put("final_norm", true);
    fields.put("embedding_norm", false);
    fields.putAll(family.equals("gpt2") ? gpt2() : llama());
    fields.values().removeIf(value -> value == null); // is then refused as missing
    return GPTConfig.of(fields);
  }

  private Map<String, Object> gpt2() {
    requireIs("add_cross_attention", false);
    requireIs("scale_attn_weights", true);
    requireIs("scale_attn_by_inverse_layer_idx", false);
    requireIs("activation_function", "gelu_new");
    Map<String, Object> fields = new HashMap<>();
    fields.put("block_size", value("n_positions", values.get("n_ctx")));
    for (String name : List.of("n_embd", "n_layer", "n_head")) {
      fields.put(name, values.get(name));
    }
    fields.put("n_kv_head", 0);
    fields.put("n_inner", value("n_inner", 0));
    fields.put("norm_eps", value("layer_norm_epsilon", 1e-5));
    fields.put("tie_weights", value("tie_word_embeddings", true));
    fields.put("bias", true);
    fields.put("norm", "layernorm");
    fields.put("activation", "gelu");
    fields.put("positions", "learned");
    fields.put("rope_theta", 1e4);
    return fields;
  }

  private Map<String, Object> llama() {
    requireIs("attention_bias", false);
    requireIs("mlp_bias", false);
    requireIs("hidden_act", "silu");
    Object rope = value("rope_scaling", value("rope_parameters", Map.of()));
    Map<?, ?> rotary = rope instanceof Map<?, ?> is ? is : Map.of();
    Object named = rotary.get("rope_type");
    Object kind = named == null ? rotary.get("type") : named;
    if (kind != null && !kind.equals("default")) {
      throw new IllegalArgumentException(
          "rope_parameters: expected the default in Java, got " + Json.write(kind));
    }
    Object theta = rotary.get("rope_theta");
    Map<String, Object> fields = new HashMap<>();
    fields.put("block_size", values.get("max_position_embeddings"));
    fields.put("n_embd", values.get("hidden_size"));
    fields.put("n_layer", values.get("num_hidden_layers"));
    fields.put("n_head", values.get("num_attention_heads"));
    fields.put("n_kv_head", value("num_key_value_heads", 0));
    fields.put("n_inner", values.get("intermediate_size"));
    fields.put("norm_eps", value("rms_norm_eps", 1e-6));
    fields.put("tie_weights", value("tie_word_embeddings", false));
    fields.put("bias", false);
    fields.put("norm", "rmsnorm");
    fields.put("activation", "swiglu");
    fields.put("positions", "rotary");
    fields.put("rope_theta", theta == null ? value("rope_theta", 1e4) : theta);
    Options sizes = new Options(fields);
    int usual = sizes.size("n_embd", 1) / sizes.size("n_head", 1);
    if (!BigInteger.valueOf(usual).equals(value("head_dim", BigInteger.valueOf(usual)))) {
      fields.put("head_dim", values.get("head_dim"));
    }
    return fields;
  }

  /** The tensors of a file by their full names, without constants and a second tied matrix. */
  Map<String, SafeTensors.Array> weights(Map<String, SafeTensors.Array> stored, GPTConfig config) {
    String prefix = family.equals("gpt2") ? "transformer." : "model.";
    boolean isPlain = stored.keySet().stream().noneMatch(name -> name.startsWith(prefix));
    Map<String, SafeTensors.Array> named = new HashMap<>();
    stored.forEach((name, array) -> {
      boolean isHead = name.startsWith("lm_head.");
      if (!BUFFER.matcher(name).matches() && !(isHead && config.tieWeights())) {
        named.put(isPlain && !isHead ? prefix + name : name, array);
      }
    });
    return named;
  }

  /** What a weight of ours is in the file: one tensor, or several with its columns in a row. */
  List<WeightPart> parts(String name, GPTConfig config) {
    Matcher inLayer = IN_LAYER.matcher(name);
    if (family.equals("gpt2") || !inLayer.matches()) {
      boolean isHead = name.startsWith("lm_head.");
      String outer = family.equals("gpt2") ? "transformer." + name : LLAMA_OUTER.get(name);
      return List.of(new WeightPart(isHead ? name : outer, -1, false));
    }
    String module = inLayer.group(2);
    Predicate<String> isNorm = of -> of.startsWith("ln_");
    List<WeightPart> parts = new ArrayList<>();
    for (String theirs : LLAMA_MODULES.get(module)) {
      int columns =
          switch (theirs) {
            case "self_attn.q_proj" -> config.nHead() * config.headSize();
            case "self_attn.k_proj", "self_attn.v_proj" -> config.nKvHead() * config.headSize();
            case "mlp.gate_proj", "mlp.up_proj" -> config.nInner();
            default -> -1; // all
          };
      String full = "model.layers." + inLayer.group(1) + "." + theirs + "." + inLayer.group(3);
      parts.add(new WeightPart(full, columns, !isNorm.test(module)));
    }
    return parts;
  }

  /**
   * A tensor of a file.
   *
   * @param columns of the weight that it is; -1 for all
   * @param transposed whether the file has (out, in) where the model has (in, out)
   */
  record WeightPart(String name, int columns, boolean transposed) {}
}
