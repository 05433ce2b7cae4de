package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.Simd.LANES;
import static org.pygpt.kernels.cpu.Simd.SPECIES;
import static org.pygpt.kernels.cpu.Simd.load;

import jdk.incubator.vector.FloatVector;

/**
 * Norms of one row of C floats that begins at index {@code at} of an array. A gain or a bias that a
 * model lacks is an array of 1 or 0: a condition inside a loop would box its vectors.
 */
final class NormMath {
  private NormMath() {}

  static float sum(boolean vectors, float[] x, int at, int C) {
    int whole = SPECIES.loopBound(C);
    float sum = vectors ? vectorSum(x, at, whole) : plainSum(x, at, whole);
    for (int i = whole; i < C; i++) {
      sum += x[at + i];
    }
    return sum;
  }

  private static float vectorSum(float[] x, int at, int whole) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < whole; i += LANES) {
      sums = sums.add(load(x, at + i));
    }
    return Simd.sum(sums);
  }

  private static float plainSum(float[] x, int at, int whole) {
    float[] sums = new float[LANES];
    for (int i = 0; i < whole; i++) {
      sums[i % LANES] += x[at + i];
    }
    return Simd.sum(sums);
  }

  /** Sum of (x - mean)^2. */
  static float sumOfSquares(boolean vectors, float[] x, int at, int C, float mean) {
    int whole = SPECIES.loopBound(C);
    float sum = vectors ? vectorSquares(x, at, whole, mean) : plainSquares(x, at, whole, mean);
    for (int i = whole; i < C; i++) {
      float centred = x[at + i] - mean;
      sum = Math.fma(centred, centred, sum);
    }
    return sum;
  }

  private static float vectorSquares(float[] x, int at, int whole, float mean) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector centred = load(x, at + i).sub(mean);
      sums = centred.fma(centred, sums);
    }
    return Simd.sum(sums);
  }

  private static float plainSquares(float[] x, int at, int whole, float mean) {
    float[] sums = new float[LANES];
    for (int i = 0; i < whole; i++) {
      float centred = x[at + i] - mean;
      sums[i % LANES] = Math.fma(centred, centred, sums[i % LANES]);
    }
    return Simd.sum(sums);
  }

  /** x = (x - mean) * rstd * weight + bias. */
  static void normalize(
      boolean vectors,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float[] bias) {
    int bound = Simd.bound(vectors, C);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector y = load(x, at + i).sub(mean).mul(rstd);
      y.mul(load(weight, i)).add(load(bias, i)).intoArray(x, at + i);
    }
    for (int i = bound; i < C; i++) {
      x[at + i] = (x[at + i] - mean) * rstd * weight[i] + bias[i];
    }
  }

  /**
   * Gradient of one row: dX takes the place of dOut, weightSums += dOut * normed, biasSums += dOut.
   */
  static void backward(
      boolean vectors,
      boolean centred,
      float[] dOut,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums) {
    int whole = SPECIES.loopBound(C);
    float sum;
    float dot;
    if (vectors) {
      FloatVector sums = Simd.broadcast(0);
      FloatVector dots = Simd.broadcast(0);
      for (int i = 0; i < whole; i += LANES) {
        FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
        FloatVector d = load(dOut, at + i);
        d.fma(normed, load(weightSums, i)).intoArray(weightSums, i);
        load(biasSums, i).add(d).intoArray(biasSums, i);
        FloatVector dNormed = d.mul(load(weight, i));
        sums = sums.add(dNormed);
        dots = dNormed.fma(normed, dots);
      }
      sum = Simd.sum(sums);
      dot = Simd.sum(dots);
    } else {
      float[] sums = new float[LANES];
      float[] dots = new float[LANES];
      for (int i = 0; i < whole; i++) {
        float normed = (x[at + i] - mean) * rstd;
        float d = dOut[at + i];
        weightSums[i] = Math.fma(d, normed, weightSums[i]);
        biasSums[i] += d;
        float dNormed = d * weight[i];
        sums[i % LANES] += dNormed;
        dots[i % LANES] = Math.fma(dNormed, normed, dots[i % LANES]);
      }
      sum = Simd.sum(sums);
      dot = Simd.sum(dots);
    }
    for (int i = whole; i < C; i++) {
      float normed = (x[at + i] - mean) * rstd;
      float d = dOut[at + i];
      weightSums[i] = Math.fma(d, normed, weightSums[i]);
      biasSums[i] += d;
      float dNormed = d * weight[i];
      sum += dNormed;
      dot = Math.fma(dNormed, normed, dot);
    }
    input(vectors, dOut, x, at, C, mean, rstd, weight, centred ? sum / C : 0, dot / C);
  }

  /** dOut = rstd * (dOut * weight - dMean - normed * dDot). */
  private static void input(
      boolean vectors,
      float[] dOut,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float dMean,
      float dDot) {
    int bound = Simd.bound(vectors, C);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
      FloatVector d = load(dOut, at + i).mul(load(weight, i));
      d.sub(dMean).sub(normed.mul(dDot)).mul(rstd).intoArray(dOut, at + i);
    }
    for (int i = bound; i < C; i++) {
      float normed = (x[at + i] - mean) * rstd;
      dOut[at + i] = rstd * (dOut[at + i] * weight[i] - dMean - normed * dDot);
    }
  }
}
