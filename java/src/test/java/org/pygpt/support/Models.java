package org.pygpt.support;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/** Small models and batches for tests; sizes are different primes wherever they may be. */
public final class Models {
  /** Sequences, positions and vocabulary of {@link #batch}. */
  public static final int B = 2;

  public static final int T = 5;
  public static final int V = 11;

  private static final int BLOCK = 7;

  private Models() {}

  /** Configurations that together take every value of every option. */
  public static Stream<Named<GPTConfig>> configurations() {
    return Stream.of(
        Named.of("gpt2", GPTConfig.gpt2(BLOCK, V, 2, 3, 15)),
        Named.of("microgpt", GPTConfig.microgpt(BLOCK, V, 2, 3, 15)),
        Named.of("llama", llama(0)),
        Named.of(
            "exact GELU, no biases",
            of(0, false, "layernorm", "gelu_exact", true, 3, true, true, false, "learned")),
        Named.of(
            "squared ReLU, norm without gain, rotary",
            of(0, false, "rmsnorm", "relu2", true, 3, false, true, false, "rotary")),
        Named.of(
            "layer norm without gain, linear biases",
            of(0, true, "layernorm", "relu", false, 3, false, true, false, "learned")),
        Named.of(
            "layer norm after the embedding",
            of(0, true, "layernorm", "gelu", true, 3, true, true, true, "learned")),
        Named.of(
            "no final norm",
            of(0, true, "rmsnorm", "gelu", true, 3, true, false, false, "learned")),
        Named.of(
            "one head of keys, biases, rotary",
            of(0, true, "layernorm", "gelu_exact", false, 1, true, false, true, "rotary")),
        Named.of(
            "gate with biases",
            of(0, true, "layernorm", "swiglu", true, 1, true, true, false, "learned")),
        Named.of(
            "dropout and biases",
            of(0.2, true, "layernorm", "gelu", true, 3, true, true, true, "learned")),
        Named.of("dropout, llama", llama(0.1)),
        Named.of("norms after branches, caps, windows, scales", gemma()),
        Named.of("parallel, part of heads rotated, norms of queries and keys", parallel()),
        Named.of("parallel with one norm", llama(0).with(Map.of("residual", "parallel_one_norm"))),
        Named.of("ALiBi, no norms before branches", alibi()),
        Named.of("heads of one column", GPTConfig.gpt2(BLOCK, V, 1, 13, 13)));
  }

  /** RMSNorm with gain, rotary positions, a gate, grouped queries, an output matrix of its own. */
  public static GPTConfig llama(double dropout) {
    return GPTConfig.gpt2(BLOCK, V, 2, 6, 24)
        .with(
            Map.of(
                "dropout",
                dropout,
                "bias",
                false,
                "norm",
                "rmsnorm",
                "activation",
                "swiglu",
                "tie_weights",
                false,
                "n_kv_head",
                2,
                "n_inner",
                17,
                "norm_eps",
                1e-6,
                "positions",
                "rotary",
                "rope_theta",
                1e3));
  }

  /** Most of what Gemma 3 does, and scores by layer. */
  private static GPTConfig gemma() {
    return llama(0)
        .with(
            Map.of(
                "activation",
                "gated_gelu",
                "head_dim",
                6,
                "branch_norm",
                true,
                "qk_norm",
                "head",
                "embedding_scale",
                1.5,
                "residual_scale",
                0.7,
                "window",
                2,
                "window_layers",
                List.of(1),
                "unrotated_layers",
                List.of(0)))
        .with(
            Map.of(
                "local_rope_theta", 50.0,
                "attention_softcap", 1.5,
                "logit_softcap", 2.0,
                "logit_scale", 0.8,
                "attention_scale", 0.6,
                "attention_scale_by_layer", true,
                "tie_weights", true));
  }

  /** Most of what GPT-NeoX, Phi and StableLM do. */
  private static GPTConfig parallel() {
    return GPTConfig.gpt2(BLOCK, V, 2, 3, 18)
        .with(
            Map.of(
                "positions",
                "rotary",
                "residual",
                "parallel",
                "rotary_dim",
                4,
                "qk_norm",
                "heads",
                "bias_except",
                List.of("qk_norm", "head", "proj"),
                "tie_weights",
                false,
                "activation",
                "silu",
                "dropout",
                0.1,
                "rope_scaling",
                List.of("yarn", "factor=4.0")));
  }

  /** Most of what OLMo 2 and MPT do. */
  private static GPTConfig alibi() {
    return GPTConfig.gpt2(BLOCK, V, 2, 3, 18)
        .with(
            Map.of(
                "positions",
                "alibi",
                "alibi",
                8.0,
                "block_norm",
                false,
                "branch_norm",
                true,
                "qk_norm",
                "row",
                "activation",
                "gated_mish"));
  }

  private static GPTConfig of(
      double dropout,
      boolean bias,
      String norm,
      String activation,
      boolean tied,
      int kvHeads,
      boolean gain,
      boolean finalNorm,
      boolean embeddingNorm,
      String positions) {
    return GPTConfig.gpt2(BLOCK, V, 2, 3, 18)
        .with(Map.of("n_kv_head", kvHeads, "n_inner", 19, "dropout", dropout, "bias", bias))
        .with(
            Map.of(
                "norm", norm,
                "activation", activation,
                "tie_weights", tied,
                "norm_gain", gain,
                "final_norm", finalNorm,
                "embedding_norm", embeddingNorm,
                "positions", positions));
  }

  /** A model with large random weights, so that no gradient is small; the same ones each time. */
  public static GPT create(GPTConfig config, String backend, DType dtype, int threads) {
    GPT model = GPT.create(config, backend, dtype, threads);
    Random random = new Random(20240229);
    for (String name : model.weights().names()) {
      Tensor tensor = model.weights().get(name);
      boolean isGain = model.weights().isVector(name) && name.endsWith(".weight");
      double[] drawn = new double[tensor.columns()];
      for (int row = 0; row < tensor.rows(); row++) {
        for (int c = 0; c < tensor.columns(); c++) {
          // Rounded to float32, so that models of both types have equal weights.
          drawn[c] = (float) ((isGain ? 1 : 0) + 0.3 * random.nextGaussian());
        }
        tensor.writeRow(row, drawn);
      }
    }
    return model;
  }

  /** Token ids in [0, V), all different from call to call with another seed. */
  public static int[] tokens(int count, int V, long seed) {
    return new Random(seed).ints(count, 0, V).toArray();
  }

  /** Targets in [-1, V): some are not scored. */
  public static int[] targets(int count, int V, long seed) {
    return new Random(~seed).ints(count, -1, V).toArray();
  }

  /** Every element of a tensor, row by row. */
  public static double[] values(Tensor tensor) {
    double[] values = new double[Math.toIntExact(tensor.size())];
    double[] row = new double[tensor.columns()];
    for (int i = 0; i < tensor.rows(); i++) {
      tensor.readRow(i, row);
      System.arraycopy(row, 0, values, i * row.length, row.length);
    }
    return values;
  }

  /** One element of a tensor, wherever it lies. */
  public static double get(Tensor tensor, int row, int column) {
    double[] value = new double[1];
    tensor.columns(column, 1).readRow(row, value);
    return value[0];
  }

  /** Overwrites one element of a tensor, wherever it lies. */
  public static void set(Tensor tensor, int row, int column, double value) {
    tensor.columns(column, 1).writeRow(row, new double[] {value});
  }

  /** Every element of every weight, in the order of the names. */
  public static double[] values(Parameters parameters) {
    return parameters.names().stream()
        .flatMapToDouble(name -> Arrays.stream(values(parameters.get(name))))
        .toArray();
  }
}
