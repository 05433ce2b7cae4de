package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.Simd.LANES;
import static org.pygpt.kernels.cpu.Simd.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.pygpt.kernels.AdamStep;

/** Element-wise sums, softmax and AdamW on arrays. */
final class ElementMath {
  private ElementMath() {}

  /** to[j .. j + n) += x[i .. i + n). */
  static void add(boolean vectors, float[] x, int i, float[] to, int j, int n) {
    int bound = Simd.bound(vectors, n);
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

  static float max(boolean vectors, float[] x, int n) {
    int bound = Simd.bound(vectors, n);
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

  /** x = exp(x - max); returns the sum. */
  static float expAndSum(boolean vectors, float[] x, int n, float max, float[] lanes) {
    int bound = Simd.SPECIES.loopBound(n);
    if (vectors) {
      vectorExpAndSum(x, bound, max, lanes);
    } else {
      Arrays.fill(lanes, 0, LANES, 0);
      for (int i = 0; i < bound; i++) {
        x[i] = Simd.exp(x[i] - max);
        lanes[i & (LANES - 1)] += x[i];
      }
    }
    float sum = Simd.sum(lanes, 0);
    for (int i = bound; i < n; i++) {
      x[i] = Simd.exp(x[i] - max);
      sum += x[i];
    }
    return sum;
  }

  private static void vectorExpAndSum(float[] x, int bound, float max, float[] lanes) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector e = Simd.exp(load(x, i).sub(max));
      e.intoArray(x, i);
      sums = sums.add(e);
    }
    sums.intoArray(lanes, 0);
  }

  static void scale(boolean vectors, float[] x, int n, float factor) {
    int bound = Simd.bound(vectors, n);
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

  /**
   * One AdamW update of n weights; see {@link org.pygpt.kernels.Kernels#adamW}. C2 makes vectors of
   * loops that write one array each.
   */
  static void adamW(AdamStep step, float[] w, float[] g, float[] m, float[] v, int n) {
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    float rest1 = (float) (1 - step.beta1());
    float rest2 = (float) (1 - step.beta2());
    float scale = (float) step.gradientScale();
    float rate = (float) (step.learningRate() * step.correction1());
    float correction2 = (float) step.correction2();
    float epsilon = (float) step.epsilon();
    float kept = (float) (1 - step.learningRate() * step.decay());
    for (int i = 0; i < n; i++) {
      m[i] = m[i] * beta1 + g[i] * scale * rest1;
    }
    for (int i = 0; i < n; i++) {
      float gradient = g[i] * scale;
      v[i] = v[i] * beta2 + gradient * gradient * rest2;
    }
    for (int i = 0; i < n; i++) {
      float root = (float) Math.sqrt(v[i] * correction2) + epsilon;
      w[i] = w[i] * kept - m[i] * rate / root;
    }
  }
}
