package org.pygpt.runs;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What one step of a run did.
 *
 * @param step its number, from 1
 * @param loss mean nats per token of its batches, before the update
 * @param learningRate of the update
 * @param gradientNorm before clipping; 0 where nothing is clipped
 * @param tokensPerS tokens per second of the training alone
 * @param ms how long the step took
 * @param validationLoss mean nats per token after the update; none without an evaluation
 * @param bitsPerByte of the text to validate with
 */
public record Metrics(
    int step,
    double loss,
    double learningRate,
    double gradientNorm,
    double tokensPerS,
    double ms,
    OptionalDouble validationLoss,
    OptionalDouble bitsPerByte) {
  /** The record of a step after which there is no evaluation. */
  Metrics(
      int step,
      double loss,
      double learningRate,
      double gradientNorm,
      double tokensPerS,
      double ms) {
    this(
        step,
        loss,
        learningRate,
        gradientNorm,
        tokensPerS,
        ms,
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }

  /** This with the result of an evaluation. */
  Metrics evaluated(double loss, double bitsPerByte) {
    return new Metrics(
        step,
        this.loss,
        learningRate,
        gradientNorm,
        tokensPerS,
        ms,
        OptionalDouble.of(loss),
        OptionalDouble.of(bitsPerByte));
  }

  /** Name in Python -> value; what is not known is left out, and not finite numbers are null. */
  Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("step", step);
    put(values, "loss", loss);
    put(values, "learning_rate", learningRate);
    put(values, "gradient_norm", gradientNorm);
    put(values, "tokens_per_s", tokensPerS);
    put(values, "ms", ms);
    validationLoss.ifPresent(loss -> {
      put(values, "validation_loss", loss);
      put(values, "perplexity", Math.exp(loss));
    });
    bitsPerByte.ifPresent(bits -> put(values, "bits_per_byte", bits));
    return values;
  }

  private static void put(Map<String, Object> values, String name, double value) {
    values.put(name, Double.isFinite(value) ? value : null);
  }

  /** The record that a checkpoint has of a step whose evaluation was broken off. */
  static Metrics of(Map<?, ?> values) {
    return new Metrics(
        ((BigInteger) values.get("step")).intValueExact(),
        number(values.get("loss")),
        number(values.get("learning_rate")),
        number(values.get("gradient_norm")),
        number(values.get("tokens_per_s")),
        number(values.get("ms")));
  }

  private static double number(Object value) {
    return ((Number) value).doubleValue();
  }
}
