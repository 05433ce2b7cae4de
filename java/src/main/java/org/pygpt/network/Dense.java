package org.pygpt.network;

import org.pygpt.kernels.Activation;
import org.pygpt.text.Choice;

/**
 * A dense layer: activation(x @ weight + bias), (rows, inputs) -> (rows, units).
 *
 * @param units numbers that it returns for each row
 * @param activation {@code linear}, {@code sigmoid}, {@code tanh}, {@code relu}, {@code gelu} or
 *     another name of {@link Activation} without a gate; in the last layer also {@code softmax}
 * @param bias whether a trained number is added to each unit
 */
public record Dense(int units, String activation, boolean bias) {
  static final String SOFTMAX = "softmax";
  static final String SIGMOID = Choice.name(Activation.SIGMOID);
  static final String LINEAR = Choice.name(Activation.LINEAR);

  /**
   * Checks the layer.
   *
   * @throws IllegalArgumentException if there are no units, or no activation of this name
   */
  public Dense {
    if (units < 1) {
      throw new IllegalArgumentException("units: expected at least 1, got " + units);
    }
    if (!activation.equals(SOFTMAX)
        && Choice.of("activation", Activation.class, activation).isGated()) {
      throw new IllegalArgumentException(
          "activation: expected one without a gate, got " + activation);
    }
  }

  /** A layer with biases. */
  public Dense(int units, String activation) {
    this(units, activation, true);
  }

  /** Weighted sums with biases. */
  public Dense(int units) {
    this(units, LINEAR);
  }

  /** What the tape computes after the sums; a softmax is part of the loss. */
  Activation function() {
    return activation.equals(SOFTMAX)
        ? Activation.LINEAR
        : Choice.of("activation", Activation.class, activation);
  }
}
