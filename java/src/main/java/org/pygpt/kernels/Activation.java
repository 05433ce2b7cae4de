package org.pygpt.kernels;

import java.util.List;

/**
 * The non-linearity of a feed-forward layer.
 *
 * <p>One with a gate reads two numbers for each that it writes: a row of 2F columns holds F gates
 * and then F values, and its output is f(gate) * value, where f is {@link #function}.
 */
public enum Activation {
  /** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): GPT-2's form of GELU. */
  GELU,
  /** x times the cumulative normal distribution: 0.5 x (1 + erf(x / sqrt(2))). */
  GELU_EXACT,
  /** max(x, 0). */
  RELU,
  /** max(x, 0)^2, of Primer. */
  RELU2,
  /** silu(gate) * value, of Llama. */
  SWIGLU,
  /** x / (1 + e^-x). */
  SILU,
  /** x / (1 + e^(-1.702 x)), of CLIP. */
  QUICK_GELU,
  /** {@link #GELU_EXACT}, cut to [-10, 10]. */
  GELU_10,
  /** 1 / (1 + e^-x). */
  SIGMOID,
  /** The hyperbolic tangent. */
  TANH,
  /** x tanh(log(1 + e^x)). */
  MISH,
  /** (1 + erf((x - sqrt(1/2)) / (sqrt(2) sqrt(1 / (4 pi))))) / 2, of MEGA. */
  LAPLACE,
  /** x, or 0.01 x where it is negative. */
  LEAKY_RELU,
  /** {@link #RELU}, at most 6. */
  RELU6,
  /** x min(max(x + 3, 0), 6) / 6. */
  HARDSWISH,
  /** sqrt(log(1 + e^x)). */
  SQRTSOFTPLUS,
  /** x itself. */
  LINEAR,
  /** gelu(gate) * value, of Gemma. */
  GATED_GELU(GELU),
  GATED_GELU_EXACT(GELU_EXACT),
  GATED_RELU(RELU),
  GATED_RELU2(RELU2),
  GATED_QUICK_GELU(QUICK_GELU),
  GATED_GELU_10(GELU_10),
  GATED_SIGMOID(SIGMOID),
  GATED_TANH(TANH),
  GATED_MISH(MISH),
  GATED_LAPLACE(LAPLACE),
  GATED_LEAKY_RELU(LEAKY_RELU),
  GATED_RELU6(RELU6),
  GATED_HARDSWISH(HARDSWISH),
  GATED_SQRTSOFTPLUS(SQRTSOFTPLUS),
  GATED_LINEAR(LINEAR);

  /** Those whose loops a long process warms up. */
  public static final List<Activation> VECTORISED = List.of(GELU, GELU_EXACT, RELU, RELU2, SWIGLU);

  private final Activation gate;

  Activation() {
    this(null);
  }

  Activation(Activation gate) {
    this.gate = gate;
  }

  /** Whether it multiplies values by a function of gates. */
  public boolean isGated() {
    return gate != null || this == SWIGLU;
  }

  /** What is computed of a gate, or of x where there is none. */
  public Activation function() {
    return this == SWIGLU ? SILU : gate == null ? this : gate;
  }

  /** Input columns for each output column: 2 with a gate, else 1. */
  public int inputsPerOutput() {
    return isGated() ? 2 : 1;
  }
}
