package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.Simd.LANES;
import static org.pygpt.kernels.cpu.Simd.SPECIES;
import static org.pygpt.kernels.cpu.Simd.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.pygpt.kernels.AdamStep;

/** Element-wise sums, softmax and AdamW on arrays. */
final class ElementMath {
  private ElementMath() {}

  /** to[j .. j + n) += x[i .. i + n). */
  static void add(boolean vectors, float[] x, int i, float[] to, int j, int n) {
    int bound = Simd.bound(vectors, n);
    for (int c = 0; c < bound; c += LANES) {
      load(to, j + c).add(load(x, i + c)).intoArray(to, j + c);
    }
    for (int c = bound; c < n; c++) {
      to[j + c] += x[i + c];
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
  static double expAndSum(boolean vectors, float[] x, int n, float max) {
    int whole = SPECIES.loopBound(n);
    double sum = vectors ? vectorExpAndSum(x, whole, max) : plainExpAndSum(x, whole, max);
    for (int i = whole; i < n; i++) {
      x[i] = Simd.exp(x[i] - max);
      sum += x[i];
    }
    return sum;
  }

  private static float vectorExpAndSum(float[] x, int whole, float max) {
    FloatVector sums = Simd.broadcast(0);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector e = Simd.exp(load(x, i).sub(max));
      e.intoArray(x, i);
      sums = sums.add(e);
    }
    return Simd.sum(sums);
  }

  private static float plainExpAndSum(float[] x, int whole, float max) {
    float[] sums = new float[LANES];
    for (int i = 0; i < whole; i++) {
      x[i] = Simd.exp(x[i] - max);
      sums[i % LANES] += x[i];
    }
    return Simd.sum(sums);
  }

  static void scale(boolean vectors, float[] x, int n, float factor) {
    int bound = Simd.bound(vectors, n);
    for (int i = 0; i < bound; i += LANES) {
      load(x, i).mul(factor).intoArray(x, i);
    }
    for (int i = bound; i < n; i++) {
      x[i] *= factor;
    }
  }

  static double sumOfSquares(boolean vectors, float[] x, int n) {
    return NormMath.sumOfSquares(vectors, x, 0, n, 0);
  }

  /** One AdamW update of n weights; see {@link org.pygpt.kernels.Kernels#adamW}. */
  static void adamW(
      boolean vectors, AdamStep step, float[] w, float[] g, float[] m, float[] v, int n) {
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    float rest1 = (float) (1 - step.beta1());
    float rest2 = (float) (1 - step.beta2());
    float scale = (float) step.gradientScale();
    float rate = (float) (step.rate() * step.correction1());
    float correction2 = (float) step.correction2();
    float epsilon = (float) step.epsilon();
    float kept = (float) (1 - step.rate() * step.decay());
    int bound = Simd.bound(vectors, n);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector gradient = load(g, i).mul(scale);
      FloatVector first = load(m, i).mul(beta1).add(gradient.mul(rest1));
      FloatVector second = load(v, i).mul(beta2).add(gradient.mul(gradient).mul(rest2));
      first.intoArray(m, i);
      second.intoArray(v, i);
    }
    for (int i = 0; i < bound; i += LANES) {
      FloatVector root = load(v, i).mul(correction2).sqrt().add(epsilon);
      load(w, i).mul(kept).sub(load(m, i).mul(rate).div(root)).intoArray(w, i);
    }
    for (int i = bound; i < n; i++) {
      float gradient = g[i] * scale;
      m[i] = m[i] * beta1 + gradient * rest1;
      v[i] = v[i] * beta2 + gradient * gradient * rest2;
      float root = (float) Math.sqrt(v[i] * correction2) + epsilon;
      w[i] = w[i] * kept - m[i] * rate / root;
    }
  }
}
