package org.pygpt.support;

/**
 * Every tolerance of the Java tests, with its reason. None is raised to make a test pass.
 *
 * <p>Those of arrays are relative to the largest magnitude in the expected array, so that an
 * element that is small because large ones cancel is not held to a precision that no order of
 * summation has. u = 2^-24 = 6e-8 is the rounding error of float32.
 */
public final class Tolerances {
  /**
   * Losses of 1,000 float32 steps against float64: rounding of 6e-8 a step, which Adam's division
   * by small second moments makes larger; about 1e-6 was measured.
   */
  public static final double LOSS_RELATIVE_FLOAT32 = 5e-6;

  /**
   * The same in float64 against another order of sums: 1e-16 a step, made larger in the same way;
   * the committed losses of the original have 10 decimals, which is 5e-11 / 2 on their own.
   */
  public static final double LOSS_RELATIVE_FLOAT64 = 1e-8;

  /**
   * Normal numbers against those of another machine: its C library may round a logarithm, a sine or
   * a cosine to the neighbouring double, 1e-16 away, and a square root and a product follow.
   */
  public static final double GAUSS_RELATIVE = 1e-15;

  /** No arithmetic, or the same in the same order. */
  public static final double EXACT = 0;

  /**
   * A few roundings, and an exponential or error function exact to some units in the last place.
   */
  public static final double ELEMENT = 1e-6; // 16 u

  /**
   * A float32 sum of n random terms, in any order: the error grows by n u / 2, the sum itself by
   * sqrt n; their ratio is sqrt(n) u / 2, which is 1e-6 at the 1021 terms of the largest case.
   */
  public static final double SUM = 2e-6;

  /** Several sums that feed each other, or an exponential of a sum: attention, norms, the loss. */
  public static final double SUMS_OF_SUMS = 1e-5;

  /**
   * A norm of numbers around 1000 with deviation 1: x - mean keeps 1000 u = 6e-5 of its precision.
   */
  public static final double NORM_OF_LARGE_MEAN = 3e-4;

  /**
   * What is stored as bfloat16, which keeps 8 bits: sums in another order may round to neighbouring
   * numbers, which are 2^-7 of their power of two apart. Sums of such numbers over rows differ by
   * less.
   */
  public static final double BFLOAT16 = 0x1p-7;

  /** Some five such roundings after each other, of 2^-9 each, against the same in float32. */
  public static final double BFLOAT16_CHAIN = 0x1p-6;

  /**
   * Gradients of a small model in bfloat16 against float64, as the length of the difference: some
   * hundred roundings of 2^-9 on the way from the tokens to the loss and back, of any sign, are 10
   * * 2^-9 of what passes them, and large random weights make it more in softmaxes and norms.
   */
  public static final double BFLOAT16_MODEL = 0x1p-4;

  /**
   * The step of central differences in float64. Their error is step^2 times a sixth of the third
   * derivative, 1e-10 times some 10, and the rounding of the loss over the step, 1e-15 / 1e-5.
   */
  public static final double FINITE_STEP = 1e-5;

  /** How well central differences of that step agree with a derivative in float64. */
  public static final double FINITE_DIFFERENCE = 1e-8;

  /** The step of central differences of a float32 loss, along a gradient of at most length 1. */
  public static final double FINITE_STEP_FLOAT32 = 0x1p-7;

  /**
   * How well those agree with the gradient's length: a rounding of the loss of some 1e-6 over twice
   * the step is 1e-4, and the step's square, 6e-5, is times a sixth of the third derivative, which
   * is some tens where softmaxes are steep.
   */
  public static final double FINITE_DIFFERENCE_FLOAT32 = 0x1p-9;

  /** The same computation in float64 with sums in another order: 1e-16 times some hundred terms. */
  public static final double FLOAT64 = 1e-12;

  /**
   * Losses, logits and gradients of a whole float32 model against float64: sums of sums of sums.
   * Storing alone, with every sum in double, costs up to 1e-6, float32 sums up to 4e-6.
   */
  public static final double MODEL = 1e-5;

  private Tolerances() {}
}
