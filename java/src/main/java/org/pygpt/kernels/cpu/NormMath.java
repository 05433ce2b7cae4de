package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.Simd.LANES;
import static org.pygpt.kernels.cpu.Simd.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Norms of one row of C floats that begins at index {@code at} of an array. A gain or a bias that a
 * model lacks is an array of 1 or 0: a condition inside a loop would box its vectors.
 */
final class NormMath {
  private NormMath() {}

  static float sum(boolean vectors, float[] x, int at, int C, float[] lanes) {
    int bound = Simd.SPECIES.loopBound(C);
    if (vectors) {
      vectorSum(x, at, bound, lanes);
    } else {
      Arrays.fill(lanes, 0, LANES, 0);
      for (int i = 0; i < bound; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
          lanes[lane] += x[at + i + lane];
        }
      }
    }
    float sum = Simd.sum(lanes, 0);
    for (int i = bound; i < C; i++) {
      sum += x[at + i];
    }
    return sum;
  }

  private static void vectorSum(float[] x, int at, int bound, float[] lanes) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      sums = sums.add(load(x, at + i));
    }
    sums.intoArray(lanes, 0);
  }

  /** Sum of (x - mean)^2. */
  static float sumOfSquares(boolean vectors, float[] x, int at, int C, float mean, float[] lanes) {
    int bound = Simd.SPECIES.loopBound(C);
    if (vectors) {
      vectorSumOfSquares(x, at, bound, mean, lanes);
    } else {
      Arrays.fill(lanes, 0, LANES, 0);
      for (int i = 0; i < bound; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
          float centred = x[at + i + lane] - mean;
          lanes[lane] = Math.fma(centred, centred, lanes[lane]);
        }
      }
    }
    float sum = Simd.sum(lanes, 0);
    for (int i = bound; i < C; i++) {
      float centred = x[at + i] - mean;
      sum = Math.fma(centred, centred, sum);
    }
    return sum;
  }

  private static void vectorSumOfSquares(float[] x, int at, int bound, float mean, float[] lanes) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector centred = load(x, at + i).sub(mean);
      sums = centred.fma(centred, sums);
    }
    sums.intoArray(lanes, 0);
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
    if (bound > 0) {
      vectorNormalize(x, at, bound, mean, rstd, weight, bias);
    }
    for (int i = bound; i < C; i++) {
      x[at + i] = (x[at + i] - mean) * rstd * weight[i] + bias[i];
    }
  }

  private static void vectorNormalize(
      float[] x, int at, int bound, float mean, float rstd, float[] weight, float[] bias) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector y = load(x, at + i).sub(mean).mul(rstd);
      y.mul(load(weight, i)).add(load(bias, i)).intoArray(x, at + i);
    }
  }

  /**
   * Gradient of one row: dX takes the place of dOut, weightSums += dOut * normed, biasSums += dOut.
   *
   * @param lanes of twice as many floats as a vector has
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
      float[] biasSums,
      float[] lanes) {
    int bound = Simd.SPECIES.loopBound(C);
    if (vectors) {
      vectorSums(dOut, x, at, bound, mean, rstd, weight, weightSums, biasSums, lanes);
    } else {
      plainSums(dOut, x, at, bound, mean, rstd, weight, weightSums, biasSums, lanes);
    }
    float sum = Simd.sum(lanes, 0);
    float dot = Simd.sum(lanes, LANES);
    for (int i = bound; i < C; i++) {
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

  /** Sums of dNormed and of dNormed * normed by lane, for the whole vectors of a row. */
  private static void vectorSums(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums,
      float[] lanes) {
    FloatVector sums = Simd.broadcast(0);
    FloatVector dots = Simd.broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
      FloatVector d = load(dOut, at + i);
      d.fma(normed, load(weightSums, i)).intoArray(weightSums, i);
      load(biasSums, i).add(d).intoArray(biasSums, i);
      FloatVector dNormed = d.mul(load(weight, i));
      sums = sums.add(dNormed);
      dots = dNormed.fma(normed, dots);
    }
    sums.intoArray(lanes, 0);
    dots.intoArray(lanes, LANES);
  }

  private static void plainSums(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums,
      float[] lanes) {
    Arrays.fill(lanes, 0, 2 * LANES, 0);
    for (int i = 0; i < bound; i++) {
      int lane = i & (LANES - 1);
      float normed = (x[at + i] - mean) * rstd;
      float d = dOut[at + i];
      weightSums[i] = Math.fma(d, normed, weightSums[i]);
      biasSums[i] += d;
      float dNormed = d * weight[i];
      lanes[lane] += dNormed;
      lanes[LANES + lane] = Math.fma(dNormed, normed, lanes[LANES + lane]);
    }
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
    if (bound > 0) {
      vectorInput(dOut, x, at, bound, mean, rstd, weight, dMean, dDot);
    }
    for (int i = bound; i < C; i++) {
      float normed = (x[at + i] - mean) * rstd;
      dOut[at + i] = rstd * (dOut[at + i] * weight[i] - dMean - normed * dDot);
    }
  }

  private static void vectorInput(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float dMean,
      float dDot) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
      FloatVector d = load(dOut, at + i).mul(load(weight, i));
      d.sub(dMean).sub(normed.mul(dDot)).mul(rstd).intoArray(dOut, at + i);
    }
  }
}
