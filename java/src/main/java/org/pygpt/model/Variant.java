package org.pygpt.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pygpt.text.Choice;
import org.pygpt.text.Options;

/**
 * Immutable: what some families of models do otherwise; {@link #NONE} is what GPT-2 and Llama do.
 *
 * @param family the family whose form a model is saved in; empty for GPT-2's, Llama's or our own
 * @param headDim size of a head; 0 for nEmbd / nHead
 * @param biasExcept parts of which the opposite of {@code bias} holds: qkv, proj, mlp, norm; and
 *     qk_norm and head, which have none otherwise
 * @param blockNorm whether a norm stands before attention and feed-forward layer
 * @param branchNorm whether a norm stands after them, before their sum with the residual stream
 * @param residual in which order both read the residual stream
 * @param qkNorm how queries and keys are normalised
 * @param embeddingScale what embeddings are multiplied by
 * @param residualScale what is added to the residual stream is multiplied by
 * @param logitScale what logits are multiplied by
 * @param logitSoftcap logits become cap * tanh(logit / cap); 0 for no cap
 * @param attentionScale what scores are multiplied by; 0 for 1 / sqrt(head size)
 * @param attentionScaleByLayer whether they are divided by the number of the layer too, from 1
 * @param attentionSoftcap the cap of scores; 0 for none
 * @param window keys that a query attends to; 0 for all
 * @param windowLayers the layers with a window, from 0; empty for all
 * @param alibi the largest exponent of ALiBi's slopes; 0 for no ALiBi
 * @param rotaryDim columns of a head that are rotated, one more if it is odd; 0 for all
 * @param ropeScaling how frequencies are scaled: a kind, then name=value; empty for none
 * @param localRopeTheta base of the frequencies in layers with a window; 0 for the same ones
 * @param unrotatedLayers layers without positions, from 0
 */
public record Variant(
    String family,
    int headDim,
    List<String> biasExcept,
    boolean blockNorm,
    boolean branchNorm,
    Residual residual,
    QkNorm qkNorm,
    double embeddingScale,
    double residualScale,
    double logitScale,
    double logitSoftcap,
    double attentionScale,
    boolean attentionScaleByLayer,
    double attentionSoftcap,
    int window,
    List<Integer> windowLayers,
    double alibi,
    int rotaryDim,
    List<String> ropeScaling,
    double localRopeTheta,
    List<Integer> unrotatedLayers) {

  /** In which order attention and feed-forward layer read the residual stream. */
  public enum Residual {
    /** The feed-forward layer reads what attention was added to. */
    SERIAL,
    /** Both read the same, each with a norm of its own. */
    PARALLEL,
    /** Both read the same, with one norm. */
    PARALLEL_ONE_NORM
  }

  /** How queries and keys are normalised. */
  public enum QkNorm {
    /** Not at all. */
    NONE,
    /** Each head by itself, with a gain that all heads share. */
    HEAD,
    /** Each head by itself, with gains of its own. */
    HEADS,
    /** All heads together. */
    ROW
  }

  /** Parts that biasExcept may name. */
  public static final Set<String> BIASED = Set.of("qkv", "proj", "mlp", "norm", "qk_norm", "head");

  /** What GPT-2, microgpt and Llama do. */
  public static final Variant NONE =
      new Variant(
          "",
          0,
          List.of(),
          true,
          false,
          Residual.SERIAL,
          QkNorm.NONE,
          1,
          1,
          1,
          0,
          0,
          false,
          0,
          0,
          List.of(),
          0,
          0,
          List.of(),
          0,
          List.of());

  /** Checks the values by themselves. */
  public Variant {
    biasExcept = List.copyOf(biasExcept);
    windowLayers = List.copyOf(windowLayers);
    ropeScaling = List.copyOf(ropeScaling);
    unrotatedLayers = List.copyOf(unrotatedLayers);
    require(
        BIASED.containsAll(biasExcept),
        "bias_except: expected some of qkv, proj, mlp, norm, qk_norm, head",
        biasExcept);
    requireFinite("embedding_scale", embeddingScale);
    requireFinite("residual_scale", residualScale);
    requireFinite("logit_scale", logitScale);
    requireNotNegative("logit_softcap", logitSoftcap);
    requireNotNegative("attention_scale", attentionScale);
    requireNotNegative("attention_softcap", attentionSoftcap);
    requireNotNegative("alibi", alibi);
    requireNotNegative("local_rope_theta", localRopeTheta);
    new RopeScaling(ropeScaling); // checks it
  }

  private static void requireFinite(String name, double value) {
    require(Double.isFinite(value), name + ": expected a finite number", value);
  }

  private static void requireNotNegative(String name, double value) {
    requireFinite(name, value);
    require(value >= 0, name + ": expected at least 0", value);
  }

  private static void require(boolean met, String expectation, Object got) {
    if (!met) {
      throw new IllegalArgumentException(expectation + ", got " + got);
    }
  }

  /** The variant among the values of a configuration; those that are missing are NONE's. */
  static Variant of(Map<String, ?> values) {
    Map<String, Object> all = NONE.values();
    for (Map.Entry<String, ?> entry : values.entrySet()) {
      all.replace(entry.getKey(), entry.getValue());
    }
    Options options = new Options(all);
    return new Variant(
        options.text("family"),
        options.size("head_dim", 0),
        options.texts("bias_except"),
        options.flag("block_norm"),
        options.flag("branch_norm"),
        options.choice("residual", Residual.class),
        options.choice("qk_norm", QkNorm.class),
        options.number("embedding_scale"),
        options.number("residual_scale"),
        options.number("logit_scale"),
        options.number("logit_softcap"),
        options.number("attention_scale"),
        options.flag("attention_scale_by_layer"),
        options.number("attention_softcap"),
        options.size("window", 0),
        options.sizes("window_layers"),
        options.number("alibi"),
        options.size("rotary_dim", 0),
        options.texts("rope_scaling"),
        options.number("local_rope_theta"),
        options.sizes("unrotated_layers"));
  }

  /** Every value by its name in Python, in order. */
  Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("family", family);
    values.put("head_dim", headDim);
    values.put("bias_except", biasExcept);
    values.put("block_norm", blockNorm);
    values.put("branch_norm", branchNorm);
    values.put("residual", Choice.name(residual));
    values.put("qk_norm", Choice.name(qkNorm));
    values.put("embedding_scale", embeddingScale);
    values.put("residual_scale", residualScale);
    values.put("logit_scale", logitScale);
    values.put("logit_softcap", logitSoftcap);
    values.put("attention_scale", attentionScale);
    values.put("attention_scale_by_layer", attentionScaleByLayer);
    values.put("attention_softcap", attentionSoftcap);
    values.put("window", window);
    values.put("window_layers", windowLayers);
    values.put("alibi", alibi);
    values.put("rotary_dim", rotaryDim);
    values.put("rope_scaling", ropeScaling);
    values.put("local_rope_theta", localRopeTheta);
    values.put("unrotated_layers", unrotatedLayers);
    return values;
  }

  /** The values that are not NONE's, by their names in Python. */
  Map<String, Object> differences() {
    Map<String, Object> differences = values();
    differences.entrySet().removeAll(NONE.values().entrySet());
    return differences;
  }

  /** Whether a part has biases where {@code bias} says what most parts have. */
  boolean hasBias(String part, boolean bias) {
    boolean otherwise = bias && !part.equals("head") && !part.equals("qk_norm");
    return otherwise != biasExcept.contains(part);
  }

  /** Whether a layer has a window. */
  boolean isWindowed(int layer) {
    return window > 0 && (windowLayers.isEmpty() || windowLayers.contains(layer));
  }

  /** The names of its values. */
  public static List<String> names() {
    return new ArrayList<>(NONE.values().keySet());
  }
}
