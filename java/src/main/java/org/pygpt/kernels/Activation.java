package org.pygpt.kernels;

/**
 * The non-linearity of a feed-forward layer.
 *
 * <p>{@link #SWIGLU} reads two numbers for each that it writes: a row of 2F columns holds F gates
 * and then F values, and its output is silu(gate) * value.
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
  SWIGLU;

  /** Input columns for each output column: 2 with a gate, else 1. */
  public int inputsPerOutput() {
    return this == SWIGLU ? 2 : 1;
  }
}
