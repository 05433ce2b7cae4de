package org.pygpt.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.model.Variant;
import org.pygpt.runs.Recipe;
import org.pygpt.runs.TrainConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** An option for each field of a model's configuration and of a run's options, as Python has. */
final class FieldOptions {
  private static final Map<String, String> HELP = new LinkedHashMap<>();

  static {
    String[] help = {
      "block_size", "the longest context, in tokens",
      "vocab_size", "the number of token ids",
      "n_layer", "the number of transformer blocks",
      "n_head", "the number of attention heads in a block, a divisor of --n-embd",
      "n_embd", "the width of the residual stream",
      "dropout", "the probability of dropping an activation while training",
      "bias", "linear layers and layer norms have biases",
      "norm", "how activations are normalised",
      "activation", "the activation of the feed-forward layer",
      "tie_weights", "the output matrix is the token embedding",
      "n_kv_head", "the number of heads of keys and values; 0: as many as --n-head",
      "n_inner", "the width of the feed-forward layer; 0: four times --n-embd",
      "norm_gain", "norms have a learned gain",
      "norm_eps", "what a norm adds to the variance",
      "final_norm", "there is a norm before the output matrix",
      "embedding_norm", "there is a norm after the embedding",
      "positions", "how positions are known: learned, rotary, alibi",
      "rope_theta", "the base of the rotary frequencies",
      "learning_rate", "the learning rate of the first step after the warm-up",
      "max_iters", "the number of updates of the weights",
      "batch_size", "the number of sequences in a batch",
      "gradient_accumulation_steps", "the number of batches in an update",
      "weight_decay", "the decay of matrices",
      "beta1", "the decay of the first moment",
      "beta2", "the decay of the second moment",
      "grad_clip", "the largest norm of the gradient, which is clipped to it; 0: no limit",
      "optimizer", "what moves the weights: adamw, or muon for the layers' matrices",
      "warmup_iters", "the updates until the learning rate is reached",
      "lr_decay_iters", "the update at which the rate has fallen to --min-lr; 0: the last one",
      "min_lr", "what the learning rate falls to",
      "schedule", "how the learning rate falls: cosine, linear, constant",
      "batches", "what a sequence is: windows of the text, or packed whole documents",
      "eval_interval", "the updates between evaluations; 0: no evaluations",
      "eval_iters", "the batches of an evaluation; 0: all there are",
      "patience", "the run ends after this many evaluations without a new best; 0: no limit",
      "checkpoint_interval", "the updates between checkpoints; 0: only the best and the last",
      "keep", "how many of the newest checkpoints are kept, beside the best",
      "seed", "the seed of the first weights, the order of the data and dropout",
      "frozen", "weights that stay as they are: beginnings of names, such as wte,wpe,h.0",
      "dtype", "what products and most activations are computed in: float32, bfloat16",
      "moments", "what AdamW's moments are: float32, or bfloat16 at half the memory"
    };
    for (int i = 0; i < help.length; i += 2) {
      HELP.put(help[i], help[i + 1]);
    }
  }

  private FieldOptions() {}

  /** Field -> a value of its type, which is the default. */
  private static Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>(Recipe.defaults());
    fields.keySet().removeAll(Variant.names());
    fields.putAll(TrainConfig.DEFAULT.all());
    return fields;
  }

  static String flag(String field) {
    return "--" + field.replace('_', '-');
  }

  /** Adds the options to a command. */
  static void addTo(CommandSpec spec) {
    fields()
        .forEach((name, value) -> {
          String flag = flag(name);
          if (value instanceof Boolean) {
            spec.addOption(
                option(flag, Boolean.class).arity("0").description(HELP.get(name)).build());
            String no = "--no-" + flag.substring(2);
            spec.addOption(option(no, Boolean.class).arity("0").description("not so").build());
          } else {
            String label = value instanceof String ? "TEXT" : value instanceof Double ? "X" : "N";
            spec.addOption(
                option(flag, value.getClass())
                    .paramLabel(label)
                    .description(HELP.get(name))
                    .build());
          }
        });
  }

  private static OptionSpec.Builder option(String flag, Class<?> type) {
    return OptionSpec.builder(flag).type(type);
  }

  /** Field -> value of those that were given. */
  static Map<String, Object> given(ParseResult result) {
    Map<String, Object> given = new LinkedHashMap<>();
    fields()
        .forEach((name, value) -> {
          String flag = flag(name);
          String no = "--no-" + flag.substring(2);
          if (result.hasMatchedOption(flag)) {
            Object found = value instanceof Boolean ? true : result.matchedOptionValue(flag, value);
            given.put(name, found);
          }
          if (value instanceof Boolean && result.hasMatchedOption(no)) {
            given.put(name, false);
          }
        });
    return given;
  }

  /** A message with the option's name in place of the field's, where it begins with one. */
  static String named(String message) {
    int end = message.indexOf(':');
    String name = end < 0 ? "" : message.substring(0, end);
    boolean isOption =
        HELP.containsKey(name)
            || List.of("data", "tokenizer", "field", "format", "encoding", "separator", "lines")
                .contains(name);
    return isOption ? flag(name) + message.substring(end) : message;
  }
}
