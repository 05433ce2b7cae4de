package org.pygpt.files;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pygpt.model.GPTConfig;
import org.pygpt.text.Json;

/**
 * The config.json and the names of tensors of GPT-2, Llama and families like it, as {@code
 * transformers} writes them.
 */
final class HuggingFace {
  /** Where the values of {@code model_type} that are known here. */
  static final List<String> FAMILIES =
      Stream.concat(Stream.of("gpt2"), LlamaLike.FAMILIES.stream()).toList();

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
          "attn.q_norm", List.of("self_attn.q_norm"),
          "attn.k_norm", List.of("self_attn.k_norm"),
          "ln_2", List.of("post_attention_layernorm"),
          "mlp.c_fc", List.of("mlp.gate_proj", "mlp.up_proj"),
          "mlp.c_proj", List.of("mlp.down_proj"));

  private static final Map<String, List<String>> PHI3_MODULES =
      Map.of(
          "attn.c_attn", List.of("self_attn.qkv_proj"),
          "mlp.c_fc", List.of("mlp.gate_up_proj"));

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
    fields.putAll(family.equals("gpt2") ? gpt2() : new LlamaLike(family, values).fields());
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
    boolean isNorm = module.startsWith("ln_") || module.endsWith("_norm");
    List<String> own = family.equals("phi3") ? PHI3_MODULES.get(module) : null;
    List<WeightPart> parts = new ArrayList<>();
    for (String theirs : own == null ? LLAMA_MODULES.get(module) : own) {
      int columns =
          switch (theirs) {
            case "self_attn.q_proj" -> config.nHead() * config.headSize();
            case "self_attn.k_proj", "self_attn.v_proj" -> config.nKvHead() * config.headSize();
            case "mlp.gate_proj", "mlp.up_proj" -> config.nInner();
            default -> -1; // all
          };
      String full = "model.layers." + inLayer.group(1) + "." + theirs + "." + inLayer.group(3);
      parts.add(new WeightPart(full, columns, !isNorm));
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
