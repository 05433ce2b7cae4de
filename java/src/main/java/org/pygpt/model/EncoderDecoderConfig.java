package org.pygpt.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.kernels.Activation;
import org.pygpt.model.GPTConfig.Norm;
import org.pygpt.text.Choice;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/**
 * Immutable: the architecture of an encoder–decoder transformer. Field names are those of Python's
 * {@code pygpt.EncoderDecoderConfig}.
 *
 * @param sourceBlockSize longest source, in tokens
 * @param targetBlockSize longest target, in tokens
 * @param sourceVocabSize number of the source's token ids
 * @param targetVocabSize number of the target's token ids
 * @param nEncoderLayer blocks of the encoder
 * @param nDecoderLayer blocks of the decoder
 * @param nHead attention heads of each block; divides nEmbd
 * @param nEmbd width of the residual streams
 * @param nInner width of the feed-forward layers
 * @param dropout probability of dropping an activation while training
 * @param bias whether linear layers and layer norms have biases
 * @param norm how activations are normalised
 * @param normOrder whether norms stand before each part of a block or after its residual sum
 * @param finalNorm whether each stack ends in a norm
 * @param activation of the feed-forward layers
 * @param positions how the model knows where a token stands
 * @param ropeTheta base of the rotary frequencies
 * @param scaleEmbedding whether embeddings are multiplied by sqrt(nEmbd)
 * @param tieWeights whether the output matrix is the decoder's token embedding
 * @param normEps added to the variance, or the mean square, of a norm
 * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</a>
 */
public record EncoderDecoderConfig(
    int sourceBlockSize,
    int targetBlockSize,
    int sourceVocabSize,
    int targetVocabSize,
    int nEncoderLayer,
    int nDecoderLayer,
    int nHead,
    int nEmbd,
    int nInner,
    double dropout,
    boolean bias,
    Norm norm,
    NormOrder normOrder,
    boolean finalNorm,
    Activation activation,
    Positions positions,
    double ropeTheta,
    boolean scaleEmbedding,
    boolean tieWeights,
    double normEps) {

  /** Where norms stand: before attention and feed-forward layer, or after their residual sums. */
  public enum NormOrder {
    PRE,
    POST
  }

  /** Kinds of positions: sines and cosines that are added, learned vectors, or rotated heads. */
  public enum Positions {
    SINUSOIDAL,
    LEARNED,
    ROTARY
  }

  /**
   * Checks what involves more than one field, and numbers.
   *
   * @throws IllegalArgumentException if one is out of its range or two do not fit each other
   */
  public EncoderDecoderConfig {
    require(dropout >= 0 && dropout < 1, "dropout: expected a number in [0, 1)", dropout);
    require(nEmbd % nHead == 0, "n_embd: expected a multiple of n_head = " + nHead, nEmbd);
    require(
        positions != Positions.ROTARY || nEmbd / nHead % 2 == 0,
        "n_embd: expected an even head size n_embd / n_head for rotary positions",
        nEmbd + " / " + nHead);
    require(
        positions != Positions.SINUSOIDAL || nEmbd % 2 == 0,
        "n_embd: expected an even number for sinusoidal positions",
        nEmbd);
    require(normEps > 0, "norm_eps: expected a number above 0", normEps);
    require(ropeTheta > 1, "rope_theta: expected a number above 1", ropeTheta);
  }

  private static void require(boolean met, String expectation, Object got) {
    if (!met) {
      throw new IllegalArgumentException(expectation + ", got " + got);
    }
  }

  /**
   * The configuration that a JSON text holds, under the names of Python, all of them.
   *
   * @throws IllegalArgumentException if it is no object, a name is missing or unknown, or a value
   *     does not fit
   */
  public static EncoderDecoderConfig ofJson(String json) {
    Options options = new Options(Json.parseObject(json));
    EncoderDecoderConfig config =
        new EncoderDecoderConfig(
            options.size("source_block_size", 1),
            options.size("target_block_size", 1),
            options.size("source_vocab_size", 1),
            options.size("target_vocab_size", 1),
            options.size("n_encoder_layer", 1),
            options.size("n_decoder_layer", 1),
            options.size("n_head", 1),
            options.size("n_embd", 1),
            options.size("n_inner", 1),
            options.number("dropout"),
            options.flag("bias"),
            options.choice("norm", Norm.class),
            options.choice("norm_order", NormOrder.class),
            options.flag("final_norm"),
            options.choice("activation", Activation.class),
            options.choice("positions", Positions.class),
            options.number("rope_theta"),
            options.flag("scale_embedding"),
            options.flag("tie_weights"),
            options.number("norm_eps"));
    options.requireAmong(config.values().keySet());
    return config;
  }

  /** Every value by its name in Python, in order; those of enumerations as lower-case text. */
  public Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("source_block_size", sourceBlockSize);
    values.put("target_block_size", targetBlockSize);
    values.put("source_vocab_size", sourceVocabSize);
    values.put("target_vocab_size", targetVocabSize);
    values.put("n_encoder_layer", nEncoderLayer);
    values.put("n_decoder_layer", nDecoderLayer);
    values.put("n_head", nHead);
    values.put("n_embd", nEmbd);
    values.put("n_inner", nInner);
    values.put("dropout", dropout);
    values.put("bias", bias);
    values.put("norm", Choice.name(norm));
    values.put("norm_order", Choice.name(normOrder));
    values.put("final_norm", finalNorm);
    values.put("activation", Choice.name(activation));
    values.put("positions", Choice.name(positions));
    values.put("rope_theta", ropeTheta);
    values.put("scale_embedding", scaleEmbedding);
    values.put("tie_weights", tieWeights);
    values.put("norm_eps", normEps);
    return values;
  }

  /** The weights, as {@code pygpt/model/layouts/encoder_decoder.txt} has them. */
  public LayoutTable layout() {
    Map<String, Object> values = values();
    values.put("qkv_width", 3L * nEmbd);
    values.put("kv_width", 2L * nEmbd);
    values.put("fc_width", (long) activation.inputsPerOutput() * nInner);
    return LayoutTable.read("encoder_decoder.txt", values);
  }

  /** Size of one head: D. */
  public int headSize() {
    return nEmbd / nHead;
  }
}
