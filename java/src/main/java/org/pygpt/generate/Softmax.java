package org.pygpt.generate;

/**
 * Mutable (its memory): turns a row of logits into the weights of a softmax, in double precision.
 */
final class Softmax {
  private static final double LOWEST_EXPONENT = -768; // e to it is 0 in double precision

  /** From so many weights on, their sum takes a time that can be measured. */
  private static final int MANY = 4096;

  private final double[] weights;

  /** For {@code V} tokens. */
  Softmax(int V) {
    weights = new double[V];
  }

  /** Of the last call of {@link #weigh}, shared: whoever changes them changes what is drawn. */
  double[] weights() {
    return weights;
  }

  /**
   * Sets each weight to e^((score - max) / temperature), at most 1.
   *
   * @param max the largest score
   * @return their sum
   */
  double weigh(double[] scores, double max, double temperature) {
    if (temperature == 1) { // the same without a division, which takes as long as the exponential
      for (int i = 0; i < scores.length; i++) {
        weights[i] = exp(scores[i] - max);
      }
    } else {
      for (int i = 0; i < scores.length; i++) {
        weights[i] = exp((scores[i] - max) / temperature);
      }
    }
    return sum();
  }

  /** Of many weights four sums, so that an addition need not wait for the one before it. */
  private double sum() {
    int many = weights.length < MANY ? 0 : weights.length / 4 * 4;
    double a = 0, b = 0, c = 0, d = 0;
    for (int i = 0; i < many; i += 4) {
      a += weights[i];
      b += weights[i + 1];
      c += weights[i + 2];
      d += weights[i + 3];
    }
    double sum = a + b + (c + d);
    for (int i = many; i < weights.length; i++) {
      sum += weights[i];
    }
    return sum;
  }

  /** The token at which the cumulative weight rises above the point. */
  int pick(double point) {
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0) {
        cumulative += weights[i];
        last = i;
        if (point < cumulative) {
          break;
        }
      }
    }
    return last; // of the possible ones, where rounding put the point at the sum
  }

  /**
   * e^x for x of at most 0, to 1e-12 of it down to -708; 1 for 0, 0 below -746. As (e^(x /
   * 1024))^1024, by Taylor's series, it has nothing but products and sums, of which C2 makes
   * vectors: a vocabulary of 50,257 takes a quarter of the time of {@link Math#exp}.
   */
  static double exp(double x) {
    double r = Math.max(x, LOWEST_EXPONENT) / 1024; // in [-0.75, 0]
    double p = 1 / 20922789888000.0;
    p = Math.fma(p, r, 1 / 1307674368000.0);
    p = Math.fma(p, r, 1 / 87178291200.0);
    p = Math.fma(p, r, 1 / 6227020800.0);
    p = Math.fma(p, r, 1 / 479001600.0);
    p = Math.fma(p, r, 1 / 39916800.0);
    p = Math.fma(p, r, 1 / 3628800.0);
    p = Math.fma(p, r, 1 / 362880.0);
    p = Math.fma(p, r, 1 / 40320.0);
    p = Math.fma(p, r, 1 / 5040.0);
    p = Math.fma(p, r, 1 / 720.0);
    p = Math.fma(p, r, 1 / 120.0);
    p = Math.fma(p, r, 1 / 24.0);
    p = Math.fma(p, r, 1 / 6.0);
    p = Math.fma(p, r, 1 / 2.0);
    p = Math.fma(p, r, 1);
    p = Math.fma(p, r, 1);
    p *= p; // written out: C2 makes no vectors of a loop with another one inside
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    return p * p;
  }
}
