package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.Simd.LANES;
import static org.pygpt.kernels.cpu.Simd.broadcast;
import static org.pygpt.kernels.cpu.Simd.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.pygpt.kernels.Activation;

/** Activations of arrays; formulas and their derivations are in docs/maths/activation.md. */
final class ActivationMath {
  /** 2 sqrt(2 / pi) and the cubic coefficient of GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final float GELU_SCALE = (float) (2 * Math.sqrt(2 / Math.PI));

  private static final float GELU_CUBE = 0.044715f;

  // erf to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26
  private static final float ERF_P = 0.3275911f;
  private static final float A1 = 0.254829592f;
  private static final float A2 = -0.284496736f;
  private static final float A3 = 1.421413741f;
  private static final float A4 = -1.453152027f;
  private static final float A5 = 1.061405429f;
  private static final float SQRT_HALF = (float) Math.sqrt(0.5);
  private static final float NORMAL = (float) (1 / Math.sqrt(2 * Math.PI));

  private ActivationMath() {}

  /** x[i .. i + n) = activation(x[i .. i + n)); for a gate, x *= silu(gate[j .. j + n)). */
  static void forward(
      boolean vectors, Activation kind, float[] x, int i, float[] gate, int j, int n) {
    int bound = Simd.bound(vectors, n);
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, i + c);
      FloatVector y =
          switch (kind) {
            case GELU -> v.mul(Simd.sigmoid(geluArgument(v)));
            case GELU_EXACT -> v.mul(normalCdf(v, exponential(v)));
            case RELU -> v.max(0);
            case RELU2 -> v.max(0).mul(v.max(0));
            case SWIGLU -> {
              FloatVector g = load(gate, j + c);
              yield v.mul(g).mul(Simd.sigmoid(g));
            }
          };
      y.intoArray(x, i + c);
    }
    for (int c = bound; c < n; c++) {
      float v = x[i + c];
      x[i + c] =
          switch (kind) {
            case GELU -> v * Simd.sigmoid(geluArgument(v));
            case GELU_EXACT -> v * normalCdf(v, exponential(v));
            case RELU -> Math.max(v, 0);
            case RELU2 -> Math.max(v, 0) * Math.max(v, 0);
            case SWIGLU -> v * gate[j + c] * Simd.sigmoid(gate[j + c]);
          };
    }
  }

  /** dOut[i .. i + n) *= the slope at x[i .. i + n), for an activation without a gate. */
  static void backward(boolean vectors, Activation kind, float[] x, float[] dOut, int i, int n) {
    int bound = Simd.bound(vectors, n);
    for (int c = i; c < i + bound; c += LANES) {
      FloatVector v = load(x, c);
      FloatVector slope =
          switch (kind) {
            case GELU -> {
              FloatVector s = Simd.sigmoid(geluArgument(v));
              FloatVector dArgument = v.mul(v).mul(3 * GELU_CUBE).add(1).mul(GELU_SCALE);
              yield v.mul(s).mul(broadcast(1).sub(s)).fma(dArgument, s);
            }
            case GELU_EXACT -> {
              FloatVector e = exponential(v);
              yield v.mul(e).mul(NORMAL).add(normalCdf(v, e));
            }
            case RELU -> broadcast(0).blend(1, v.compare(VectorOperators.GT, 0));
            case RELU2 -> v.max(0).mul(2);
            case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
          };
      load(dOut, c).mul(slope).intoArray(dOut, c);
    }
    for (int c = i + bound; c < i + n; c++) {
      float v = x[c];
      dOut[c] *=
          switch (kind) {
            case GELU -> {
              float s = Simd.sigmoid(geluArgument(v));
              float dArgument = (v * v * (3 * GELU_CUBE) + 1) * GELU_SCALE;
              yield Math.fma(v * s * (1 - s), dArgument, s);
            }
            case GELU_EXACT -> {
              float e = exponential(v);
              yield v * e * NORMAL + normalCdf(v, e);
            }
            case RELU -> v > 0 ? 1 : 0;
            case RELU2 -> Math.max(v, 0) * 2;
            case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
          };
    }
  }

  /** Gates and values at x[i ..) and x[i + n ..) are replaced by their gradients. */
  static void gatedBackward(boolean vectors, float[] x, int i, float[] dOut, int j, int n) {
    int bound = Simd.bound(vectors, n);
    for (int c = 0; c < bound; c += LANES) {
      FloatVector g = load(x, i + c);
      FloatVector up = load(x, i + n + c);
      FloatVector d = load(dOut, j + c);
      FloatVector s = Simd.sigmoid(g);
      FloatVector silu = g.mul(s);
      FloatVector slope = silu.fma(broadcast(1).sub(s), s);
      d.mul(up).mul(slope).intoArray(x, i + c);
      d.mul(silu).intoArray(x, i + n + c);
    }
    for (int c = bound; c < n; c++) {
      float g = x[i + c];
      float up = x[i + n + c];
      float s = Simd.sigmoid(g);
      float silu = g * s;
      float slope = Math.fma(silu, 1 - s, s);
      x[i + c] = dOut[j + c] * up * slope;
      x[i + n + c] = dOut[j + c] * silu;
    }
  }

  /** What the sigmoid is taken of, so that its value is (1 + tanh(u)) / 2. */
  private static float geluArgument(float x) {
    return (x * x * GELU_CUBE + 1) * x * GELU_SCALE;
  }

  private static FloatVector geluArgument(FloatVector x) {
    return x.mul(x).mul(GELU_CUBE).add(1).mul(x).mul(GELU_SCALE);
  }

  /** exp(-x^2 / 2): of erf, and of the normal density. */
  private static float exponential(float x) {
    return Simd.exp(x * x * -0.5f);
  }

  private static FloatVector exponential(FloatVector x) {
    return Simd.exp(x.mul(x).mul(-0.5f));
  }

  /** (1 + erf(x / sqrt(2))) / 2, given exp(-x^2 / 2). */
  private static float normalCdf(float x, float exponential) {
    float t = 1 / (1 + ERF_P * SQRT_HALF * Math.abs(x));
    float p = ((((A5 * t + A4) * t + A3) * t + A2) * t + A1) * t;
    float tail = 0.5f * p * exponential;
    return x < 0 ? tail : 1 - tail;
  }

  private static FloatVector normalCdf(FloatVector x, FloatVector exponential) {
    FloatVector t = broadcast(1).div(x.abs().mul(ERF_P * SQRT_HALF).add(1));
    FloatVector p = t.mul(A5).add(A4).mul(t).add(A3).mul(t).add(A2).mul(t).add(A1).mul(t);
    FloatVector tail = p.mul(exponential).mul(0.5f);
    return broadcast(1).sub(tail).blend(tail, x.compare(VectorOperators.LT, 0));
  }
}
