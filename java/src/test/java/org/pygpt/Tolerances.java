package org.pygpt;

/** Every tolerance of the Java tests, with its reason. None is raised to make a test pass. */
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

  private Tolerances() {}
}
