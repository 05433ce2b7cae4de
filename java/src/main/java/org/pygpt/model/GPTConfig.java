package org.pygpt.model;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.kernels.Activation;
import org.pygpt.text.Choice;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/**
 * Immutable: the architecture of a model. Field names are those of Python's {@code
 * pygpt.GPTConfig}; microgpt, GPT-2 and Llama are points in this space.
 *
 * @param blockSize longest context, in tokens
 * @param vocabSize number of token ids
 * @param nLayer transformer blocks
 * @param nHead attention heads of each block; divides nEmbd
 * @param nEmbd width of the residual stream
 * @param dropout probability of dropping an activation while training
 * @param bias whether linear layers and layer norms have biases
 * @param norm how activations are normalised
 * @param activation of the feed-forward layer
 * @param tieWeights whether the output matrix is the token embedding
 * @param nKvHead heads of keys and values (grouped-query attention); divides nHead
 * @param nInner width of the feed-forward layer
 * @param normGain whether norms have a learned gain
 * @param normEps added to the variance, or the mean square, of a norm
 * @param finalNorm whether a norm stands before the output matrix
 * @param embeddingNorm whether a norm stands after the embedding
 * @param positions how the model knows where a token stands
 * @param ropeTheta base of the rotary frequencies
 * @param variant what other families do otherwise
 */
public record GPTConfig(
    int blockSize,
    int vocabSize,
    int nLayer,
    int nHead,
    int nEmbd,
    double dropout,
    boolean bias,
    Norm norm,
    Activation activation,
    boolean tieWeights,
    int nKvHead,
    int nInner,
    boolean normGain,
    double normEps,
    boolean finalNorm,
    boolean embeddingNorm,
    Positions positions,
    double ropeTheta,
    Variant variant) {

  private static final int FEED_FORWARD_FACTOR = 4; // GPT-2's

  /** Kinds of normalisation. */
  public enum Norm {
    LAYERNORM,
    RMSNORM
  }

  /**
   * Kinds of positions: a learned vector for each, rotated queries and keys, or none but what
   * scores lose with distance.
   */
  public enum Positions {
    LEARNED,
    ROTARY,
    ALIBI
  }

  /**
   * Checks the values as Python's {@code pygpt.GPTConfig} does.
   *
   * @throws IllegalArgumentException if one is out of its range or two do not fit each other
   */
  public GPTConfig {
    requirePositive("block_size", blockSize);
    requirePositive("vocab_size", vocabSize);
    requirePositive("n_layer", nLayer);
    requirePositive("n_head", nHead);
    requirePositive("n_embd", nEmbd);
    require(dropout >= 0 && dropout < 1, "dropout: expected a number in [0, 1)", dropout);
    requirePositive("n_kv_head", nKvHead);
    requirePositive("n_inner", nInner);
    requireAbove("norm_eps", 0, normEps);
    requireAbove("rope_theta", 1, ropeTheta);
    if (variant.headDim() == 0) {
      require(nEmbd % nHead == 0, "n_embd: expected a multiple of n_head = " + nHead, nEmbd);
    }
    boolean rotary = positions == Positions.ROTARY && variant.rotaryDim() == 0;
    int headSize = variant.headDim() == 0 ? nEmbd / nHead : variant.headDim();
    require(
        !rotary || headSize % 2 == 0,
        variant.headDim() == 0
            ? "n_embd: expected an even head size n_embd / n_head for rotary positions"
            : "head_dim: expected an even number for rotary positions",
        variant.headDim() == 0 ? nEmbd + " / " + nHead : headSize);
    require(
        variant.rotaryDim() + variant.rotaryDim() % 2 <= headSize,
        "rotary_dim: expected at most the head size " + headSize,
        variant.rotaryDim());
    require(
        variant.blockNorm() || variant.residual() == Variant.Residual.SERIAL,
        "residual: expected serial without block_norm",
        variant.residual());
    require(
        (positions == Positions.ALIBI) == (variant.alibi() > 0),
        "alibi: expected more than 0 with positions alibi, and with no others",
        variant.alibi());
    require(nHead % nKvHead == 0, "n_kv_head: expected a divisor of n_head = " + nHead, nKvHead);
  }

  /** One without a variant. */
  public GPTConfig(
      int blockSize,
      int vocabSize,
      int nLayer,
      int nHead,
      int nEmbd,
      double dropout,
      boolean bias,
      Norm norm,
      Activation activation,
      boolean tieWeights,
      int nKvHead,
      int nInner,
      boolean normGain,
      double normEps,
      boolean finalNorm,
      boolean embeddingNorm,
      Positions positions,
      double ropeTheta) {
    this(
        blockSize,
        vocabSize,
        nLayer,
        nHead,
        nEmbd,
        dropout,
        bias,
        norm,
        activation,
        tieWeights,
        nKvHead,
        nInner,
        normGain,
        normEps,
        finalNorm,
        embeddingNorm,
        positions,
        ropeTheta,
        Variant.NONE);
  }

  private static void requirePositive(String name, int value) {
    require(value >= 1, name + ": expected at least 1", value);
  }

  private static void requireAbove(String name, int bound, double value) {
    String expectation = name + ": expected a finite number above " + bound;
    require(value > bound && value < Double.POSITIVE_INFINITY, expectation, value);
  }

  private static void require(boolean met, String expectation, Object got) {
    if (!met) {
      throw new IllegalArgumentException(expectation + ", got " + got);
    }
  }

  /**
   * The configuration that a JSON text holds, under the names of Python.
   *
   * @throws IllegalArgumentException if it is no object, or as {@link #of} does
   */
  public static GPTConfig ofJson(String json) {
    return of(Json.parseObject(json));
  }

  /**
   * The configuration with these values, by their names in Python.
   *
   * @param values all of them, but for those of the variant that are {@link Variant#NONE}'s; {@code
   *     n_kv_head} 0 stands for n_head, {@code n_inner} 0 for 4 * n_embd
   * @throws IllegalArgumentException if a name is missing or unknown, or a value does not fit
   */
  public static GPTConfig of(Map<String, ?> values) {
    Options options = new Options(values);
    requireKnown(values);
    Map<String, Object> sizes = new HashMap<>(values);
    if (options.size("n_kv_head", 0) == 0) {
      sizes.put("n_kv_head", options.size("n_head", 1));
    }
    if (options.size("n_inner", 0) == 0) {
      sizes.put("n_inner", feedForwardWidth(options.size("n_embd", 1)));
    }
    return make(sizes);
  }

  private static GPTConfig make(Map<String, ?> values) {
    Options options = new Options(values);
    return new GPTConfig(
        options.size("block_size", 1),
        options.size("vocab_size", 1),
        options.size("n_layer", 1),
        options.size("n_head", 1),
        options.size("n_embd", 1),
        options.number("dropout"),
        options.flag("bias"),
        options.choice("norm", Norm.class),
        options.choice("activation", Activation.class),
        options.flag("tie_weights"),
        options.size("n_kv_head", 1),
        options.size("n_inner", 1),
        options.flag("norm_gain"),
        options.number("norm_eps"),
        options.flag("final_norm"),
        options.flag("embedding_norm"),
        options.choice("positions", Positions.class),
        options.number("rope_theta"),
        Variant.of(values));
  }

  private static void requireKnown(Map<String, ?> values) {
    Map<String, Object> own = new HashMap<>(values);
    own.keySet().removeAll(Variant.names());
    new Options(own).requireAmong(gpt2(1, 1, 1, 1, 1).values().keySet());
  }

  /**
   * Every value by its name in Python, in order; those of enumerations as lower-case text. Of the
   * variant only what is not {@link Variant#NONE}'s.
   */
  public Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("block_size", blockSize);
    values.put("vocab_size", vocabSize);
    values.put("n_layer", nLayer);
    values.put("n_head", nHead);
    values.put("n_embd", nEmbd);
    values.put("dropout", dropout);
    values.put("bias", bias);
    values.put("norm", Choice.name(norm));
    values.put("activation", Choice.name(activation));
    values.put("tie_weights", tieWeights);
    values.put("n_kv_head", nKvHead);
    values.put("n_inner", nInner);
    values.put("norm_gain", normGain);
    values.put("norm_eps", normEps);
    values.put("final_norm", finalNorm);
    values.put("embedding_norm", embeddingNorm);
    values.put("positions", Choice.name(positions));
    values.put("rope_theta", ropeTheta);
    values.putAll(variant.differences());
    return values;
  }

  /**
   * A copy with some values changed, by their names in Python.
   *
   * @throws IllegalArgumentException if a name is unknown, or a value does not fit
   */
  public GPTConfig with(Map<String, ?> changes) {
    Map<String, Object> values = values();
    requireKnown(changes);
    values.putAll(changes);
    return make(values);
  }

  /**
   * GPT-2: layer norm, GELU, biases, learned positions, tied weights.
   *
   * @see <a href="https://openai.com/index/better-language-models/">Radford et al. 2019</a>
   */
  public static GPTConfig gpt2(int blockSize, int vocabSize, int nLayer, int nHead, int nEmbd) {
    return new GPTConfig(
        blockSize,
        vocabSize,
        nLayer,
        nHead,
        nEmbd,
        0,
        true,
        Norm.LAYERNORM,
        Activation.GELU,
        true,
        nHead,
        feedForwardWidth(nEmbd),
        true,
        1e-5,
        true,
        false,
        Positions.LEARNED,
        1e4);
  }

  /**
   * microgpt: RMSNorm without gain, also after the embedding but not at the end, ReLU, no biases,
   * an output matrix of its own.
   *
   * @see <a href="https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95">microgpt</a>
   */
  public static GPTConfig microgpt(int blockSize, int vocabSize, int nLayer, int nHead, int nEmbd) {
    return gpt2(blockSize, vocabSize, nLayer, nHead, nEmbd)
        .with(
            Map.of(
                "bias", false,
                "norm", "rmsnorm",
                "activation", "relu",
                "tie_weights", false,
                "norm_gain", false,
                "final_norm", false,
                "embedding_norm", true));
  }

  /**
   * Width of the feed-forward layer where none is given: 4 * nEmbd.
   *
   * @throws IllegalArgumentException if it is no int
   */
  public static int feedForwardWidth(int nEmbd) {
    int most = Integer.MAX_VALUE / FEED_FORWARD_FACTOR;
    require(
        nEmbd <= most, "n_embd: expected at most " + most + " where n_inner is 4 * n_embd", nEmbd);
    return FEED_FORWARD_FACTOR * nEmbd;
  }

  /** Size of one head: D. */
  public int headSize() {
    return variant.headDim() == 0 ? nEmbd / nHead : variant.headDim();
  }

  /** Columns of a head that are rotated, an even number: R. */
  public int rotaryDim() {
    int columns = variant.rotaryDim() == 0 ? headSize() : variant.rotaryDim();
    return columns + columns % 2;
  }
}
