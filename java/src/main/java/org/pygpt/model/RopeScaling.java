package org.pygpt.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Immutable: how rotary frequencies are scaled, under the names of transformers.
 *
 * @see <a href="https://github.com/huggingface/transformers">modeling_rope_utils.py</a>
 */
final class RopeScaling {
  private static final Map<String, List<String>> NEEDED =
      Map.of(
          "linear", List.of("factor"),
          "dynamic", List.of("factor"),
          "llama3", List.of("factor", "low_freq_factor", "high_freq_factor"),
          "yarn", List.of("factor"));
  private static final String CONTEXT = "original_max_position_embeddings";
  private static final Map<String, List<String>> POSSIBLE =
      Map.of(
          "llama3",
          List.of(CONTEXT),
          "yarn",
          List.of(
              CONTEXT,
              "attention_factor",
              "beta_fast",
              "beta_slow",
              "mscale",
              "mscale_all_dim",
              "truncate"));

  private final String kind;
  private final Map<String, Double> numbers = new HashMap<>();

  /** Checks the words: a kind, then name=number. */
  RopeScaling(List<String> words) {
    kind = words.isEmpty() ? "default" : words.getFirst();
    require(words.isEmpty() || NEEDED.containsKey(kind), "one of " + NEEDED.keySet(), kind);
    for (String word : words.subList(Math.min(1, words.size()), words.size())) {
      int equals = word.indexOf('=');
      String name = equals < 0 ? word : word.substring(0, equals);
      require(isKnown(name), "no such name for " + kind, name);
      try {
        numbers.put(name, Double.valueOf(word.substring(equals + 1)));
      } catch (NumberFormatException error) {
        require(false, name + "=number", word);
      }
      require(Double.isFinite(numbers.get(name)), name + "=number", word);
    }
    for (String name : NEEDED.getOrDefault(kind, List.of())) {
      require(numbers.containsKey(name), name + "=number", "none");
    }
  }

  private boolean isKnown(String name) {
    return NEEDED.get(kind).contains(name) || POSSIBLE.getOrDefault(kind, List.of()).contains(name);
  }

  private static void require(boolean met, String expected, String got) {
    if (!met) {
      throw new IllegalArgumentException("rope_scaling: expected " + expected + ", got " + got);
    }
  }

  private double number(String name) {
    return numbers.get(name);
  }

  private double number(String name, double otherwise) {
    return numbers.getOrDefault(name, otherwise);
  }

  /** What cosines and sines are multiplied by. */
  double factor() {
    if (!kind.equals("yarn")) {
      return 1;
    }
    double mscale = number("mscale", 0);
    double all = number("mscale_all_dim", 0);
    double ratio = number("factor");
    double usual =
        mscale != 0 && all != 0 ? mscale(ratio, mscale) / mscale(ratio, all) : mscale(ratio, 1);
    return number("attention_factor", usual);
  }

  private static double mscale(double ratio, double mscale) {
    return ratio <= 1 ? 1 : 0.1 * mscale * Math.log(ratio) + 1;
  }

  /** Scaled frequencies; {@code dynamic} has those of the model within its context. */
  double[] frequencies(double[] frequencies, double theta, int blockSize) {
    return switch (kind) {
      case "default", "dynamic" -> frequencies;
      case "linear" -> {
        double[] scaled = frequencies.clone();
        for (int d = 0; d < scaled.length; d++) {
          scaled[d] /= number("factor");
        }
        yield scaled;
      }
      case "llama3" -> llama3(frequencies, blockSize);
      case "yarn" -> yarn(frequencies, theta, blockSize);
      default -> throw new IllegalStateException(kind);
    };
  }

  /** Long waves are stretched, short ones are not, with a ramp between. */
  private double[] llama3(double[] frequencies, int blockSize) {
    double context = number(CONTEXT, blockSize);
    double low = number("low_freq_factor");
    double high = number("high_freq_factor");
    double[] scaled = frequencies.clone();
    for (int d = 0; d < scaled.length; d++) {
      double waves = context * scaled[d] / (2 * Math.PI); // within the context
      double smooth = Math.clamp((waves - low) / (high - low), 0.0, 1.0);
      scaled[d] *= (1 - smooth) / number("factor") + smooth;
    }
    return scaled;
  }

  /** Peng et al. 2023, https://arxiv.org/abs/2309.00071. */
  private double[] yarn(double[] frequencies, double theta, int blockSize) {
    int R = 2 * frequencies.length;
    double context = number(CONTEXT, blockSize);
    double low = dimension(number("beta_fast", 32), R, theta, context);
    double high = dimension(number("beta_slow", 1), R, theta, context);
    if (number("truncate", 1) != 0) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, R - 1.0);
    high += low == high ? 0.001 : 0;
    double[] scaled = frequencies.clone();
    for (int d = 0; d < scaled.length; d++) {
      double stretched = Math.clamp((d - low) / (high - low), 0.0, 1.0);
      scaled[d] *= stretched / number("factor") + 1 - stretched;
    }
    return scaled;
  }

  /** The pair that turns so often within the context. */
  private static double dimension(double turns, int R, double theta, double context) {
    return R * Math.log(context / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  }
}
