package org.pygpt.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors of the width that the machine prefers, the functions that the Vector API lacks, and the
 * loops over arrays that several kernels share; the package's documentation says how such loops are
 * written. A parameter {@code vectors} says whether to use the vector bodies; the plain loops give
 * the same bits.
 */
final class VectorMath {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LANES = SPECIES.length();

  private static final float LOG2_E = 1.44269504f;
  private static final float ROUND = 12582912f; // 1.5 * 2^23: adding it rounds to an integer
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float EXP_MIN = -87.3f; // below, the result is denormal: 0 is returned
  private static final float EXP_MAX = 87; // so that 1 / (1 + e^x) is not denormal, which is slow

  // exp(r) for |r| <= ln(2) / 2, of S. L. Moshier's Cephes library (expf): 2 ulp
  private static final float E6 = 1.9875691500e-4f;
  private static final float E5 = 1.3981999507e-3f;
  private static final float E4 = 8.3334519073e-3f;
  private static final float E3 = 4.1665795894e-2f;
  private static final float E2 = 1.6666665459e-1f;
  private static final float E1 = 5.0000001201e-1f;

  // the same as vectors, made once
  private static final FloatVector V_LOG2_E = broadcast(LOG2_E);
  private static final FloatVector V_ROUND = broadcast(ROUND);
  private static final FloatVector V_LN2_HIGH = broadcast(-LN2_HIGH);
  private static final FloatVector V_LN2_LOW = broadcast(-LN2_LOW);
  private static final FloatVector V_MIN = broadcast(EXP_MIN);
  private static final FloatVector V_MAX = broadcast(EXP_MAX);
  private static final FloatVector V6 = broadcast(E6);
  private static final FloatVector V5 = broadcast(E5);
  private static final FloatVector V4 = broadcast(E4);
  private static final FloatVector V3 = broadcast(E3);
  private static final FloatVector V2 = broadcast(E2);
  private static final FloatVector V1 = broadcast(E1);
  static final FloatVector ONE = broadcast(1);
  private static final FloatVector ZERO = broadcast(0); // no sum may begin with it: it would box

  private VectorMath() {}

  /** e^x to 2 ulp; 0 below -87.3, e^87 above 87. */
  static float exp(float x) {
    float y = x > EXP_MAX ? EXP_MAX : x;
    float t = Math.fma(y, LOG2_E, ROUND);
    float n = t - ROUND;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, y));
    float p = Math.fma(E6, r, E5);
    p = Math.fma(p, r, E4);
    p = Math.fma(p, r, E3);
    p = Math.fma(p, r, E2);
    p = Math.fma(p, r, E1);
    p = Math.fma(p, r * r, r) + 1;
    int bits = Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(t) << 23); // p * 2^n
    return x < EXP_MIN ? 0 : Float.intBitsToFloat(bits);
  }

  /** {@link #exp(float)} of each lane, with the same bits. */
  static FloatVector exp(FloatVector x) {
    // comparisons, since min and max of floats take half a dozen instructions for NaN and -0
    FloatVector y = x.blend(V_MAX, x.compare(VectorOperators.GT, V_MAX));
    FloatVector t = y.fma(V_LOG2_E, V_ROUND);
    FloatVector n = t.sub(V_ROUND);
    FloatVector r = n.fma(V_LN2_LOW, n.fma(V_LN2_HIGH, y));
    FloatVector p = V6.fma(r, V5).fma(r, V4).fma(r, V3).fma(r, V2).fma(r, V1);
    p = p.fma(r.mul(r), r).add(ONE);
    IntVector bits = p.reinterpretAsInts();
    bits = bits.add(t.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23));
    return bits.reinterpretAsFloats().blend(ZERO, x.compare(VectorOperators.LT, V_MIN));
  }

  static float sigmoid(float x) {
    return 1 / (1 + exp(-x));
  }

  static FloatVector sigmoid(FloatVector x) {
    return ONE.div(exp(x.neg()).add(ONE));
  }

  static FloatVector broadcast(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  static FloatVector load(float[] array, int index) {
    return FloatVector.fromArray(SPECIES, array, index);
  }

  /** The first index of [0, n) that whole vectors do not reach; 0 where vectors are not used. */
  static int bound(boolean vectors, int n) {
    return vectors ? SPECIES.loopBound(n) : 0;
  }

  /**
   * The sum of one number for each lane, from the first to the last. (The sum across lanes of the
   * Vector API has no defined order.) Plain loops keep their sums by lane too, so that a run has
   * the same bits whenever the vector bodies take over.
   */
  static float sumOfLanes(float[] lanes, int at) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) {
      sum += lanes[at + lane];
    }
    return sum;
  }

  /** to[j .. j + n) += x[i .. i + n). */
  static void add(boolean vectors, float[] x, int i, float[] to, int j, int n) {
    int bound = bound(vectors, n);
    if (bound > 0) {
      vectorAdd(x, i, to, j, bound);
    }
    for (int c = bound; c < n; c++) {
      to[j + c] += x[i + c];
    }
  }

  private static void vectorAdd(float[] x, int i, float[] to, int j, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      load(to, j + c).add(load(x, i + c)).intoArray(to, j + c);
    }
  }

  /** The largest of x[0 .. n). */
  static float max(boolean vectors, float[] x, int n) {
    int bound = bound(vectors, n);
    float max = bound == 0 ? Float.NEGATIVE_INFINITY : vectorMax(x, bound);
    for (int i = bound; i < n; i++) {
      max = Math.max(max, x[i]);
    }
    return max;
  }

  private static float vectorMax(float[] x, int bound) {
    FloatVector maxima = load(x, 0);
    for (int i = LANES; i < bound; i += LANES) {
      maxima = maxima.max(load(x, i));
    }
    return maxima.reduceLanes(VectorOperators.MAX);
  }

  /** x[0 .. n) = exp(x - max); returns their sum. */
  static float expAndSum(boolean vectors, float[] x, int n, float max, float[] lanes) {
    int bound = SPECIES.loopBound(n);
    if (vectors) {
      vectorExpAndSum(x, bound, max, lanes);
    } else {
      Arrays.fill(lanes, 0, LANES, 0);
      for (int i = 0; i < bound; i++) {
        x[i] = exp(x[i] - max);
        lanes[i & (LANES - 1)] += x[i];
      }
    }
    float sum = sumOfLanes(lanes, 0);
    for (int i = bound; i < n; i++) {
      x[i] = exp(x[i] - max);
      sum += x[i];
    }
    return sum;
  }

  private static void vectorExpAndSum(float[] x, int bound, float max, float[] lanes) {
    FloatVector sums = broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector e = exp(load(x, i).sub(max));
      e.intoArray(x, i);
      sums = sums.add(e);
    }
    sums.intoArray(lanes, 0);
  }

  /** x[0 .. n) *= factor. */
  static void scale(boolean vectors, float[] x, int n, float factor) {
    int bound = bound(vectors, n);
    if (bound > 0) {
      vectorScale(x, bound, factor);
    }
    for (int i = bound; i < n; i++) {
      x[i] *= factor;
    }
  }

  private static void vectorScale(float[] x, int bound, float factor) {
    for (int i = 0; i < bound; i += LANES) {
      load(x, i).mul(factor).intoArray(x, i);
    }
  }

  /** The sum of x[at .. at + n). */
  static float sum(boolean vectors, float[] x, int at, int n, float[] lanes) {
    int bound = SPECIES.loopBound(n);
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
    float sum = sumOfLanes(lanes, 0);
    for (int i = bound; i < n; i++) {
      sum += x[at + i];
    }
    return sum;
  }

  private static void vectorSum(float[] x, int at, int bound, float[] lanes) {
    FloatVector sums = broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      sums = sums.add(load(x, at + i));
    }
    sums.intoArray(lanes, 0);
  }

  /** The sum of (x - mean)^2 over x[at .. at + n). */
  static float sumOfSquares(boolean vectors, float[] x, int at, int n, float mean, float[] lanes) {
    int bound = SPECIES.loopBound(n);
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
    float sum = sumOfLanes(lanes, 0);
    for (int i = bound; i < n; i++) {
      float centred = x[at + i] - mean;
      sum = Math.fma(centred, centred, sum);
    }
    return sum;
  }

  private static void vectorSumOfSquares(float[] x, int at, int bound, float mean, float[] lanes) {
    FloatVector sums = broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector centred = load(x, at + i).sub(mean);
      sums = centred.fma(centred, sums);
    }
    sums.intoArray(lanes, 0);
  }
}
