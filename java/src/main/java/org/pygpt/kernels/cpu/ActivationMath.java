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

  // Each activation has loops of its own: a choice between vectors inside a loop would box them.

  /** x[0 .. n) = activation(x[0 .. n)), for an activation without a gate. */
  static void forward(boolean vectors, Activation kind, float[] x, int n) {
    int bound = Simd.bound(vectors, n);
    switch (kind) {
      case GELU -> gelu(x, bound, n);
      case GELU_EXACT -> geluExact(x, bound, n);
      case RELU -> relu(x, n);
      case RELU2 -> relu2(x, n);
      case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
    }
  }

  /** dOut[0 .. n) *= the slope at x[0 .. n), for an activation without a gate. */
  static void backward(boolean vectors, Activation kind, float[] x, float[] dOut, int n) {
    int bound = Simd.bound(vectors, n);
    switch (kind) {
      case GELU -> geluBackward(x, dOut, bound, n);
      case GELU_EXACT -> geluExactBackward(x, dOut, bound, n);
      case RELU -> reluBackward(x, dOut, n);
      case RELU2 -> relu2Backward(x, dOut, n);
      case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
    }
  }

  private static void gelu(float[] x, int bound, int n) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      v.mul(Simd.sigmoid(geluArgument(v))).intoArray(x, c);
    }
    for (int c = bound; c < n; c++) {
      x[c] *= Simd.sigmoid(geluArgument(x[c]));
    }
  }

  private static void geluBackward(float[] x, float[] dOut, int bound, int n) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      FloatVector s = Simd.sigmoid(geluArgument(v));
      FloatVector dArgument = v.mul(v).mul(3 * GELU_CUBE).add(1).mul(GELU_SCALE);
      FloatVector slope = v.mul(s).mul(broadcast(1).sub(s)).fma(dArgument, s);
      load(dOut, c).mul(slope).intoArray(dOut, c);
    }
    for (int c = bound; c < n; c++) {
      float v = x[c];
      float s = Simd.sigmoid(geluArgument(v));
      float dArgument = (v * v * (3 * GELU_CUBE) + 1) * GELU_SCALE;
      dOut[c] *= Math.fma(v * s * (1 - s), dArgument, s);
    }
  }

  private static void geluExact(float[] x, int bound, int n) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      v.mul(normalCdf(v, exponential(v))).intoArray(x, c);
    }
    for (int c = bound; c < n; c++) {
      x[c] *= normalCdf(x[c], exponential(x[c]));
    }
  }

  private static void geluExactBackward(float[] x, float[] dOut, int bound, int n) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      FloatVector e = exponential(v);
      FloatVector slope = v.mul(e).mul(NORMAL).add(normalCdf(v, e));
      load(dOut, c).mul(slope).intoArray(dOut, c);
    }
    for (int c = bound; c < n; c++) {
      float e = exponential(x[c]);
      dOut[c] *= x[c] * e * NORMAL + normalCdf(x[c], e);
    }
  }

  private static void relu(float[] x, int n) {
    for (int c = 0; c < n; c++) { // C2 makes vectors of this by itself, as below
      x[c] = Math.max(x[c], 0);
    }
  }

  private static void reluBackward(float[] x, float[] dOut, int n) {
    for (int c = 0; c < n; c++) {
      dOut[c] = x[c] > 0 ? dOut[c] : 0;
    }
  }

  private static void relu2(float[] x, int n) {
    for (int c = 0; c < n; c++) {
      float positive = Math.max(x[c], 0);
      x[c] = positive * positive;
    }
  }

  private static void relu2Backward(float[] x, float[] dOut, int n) {
    for (int c = 0; c < n; c++) {
      dOut[c] *= 2 * Math.max(x[c], 0);
    }
  }

  /** out[j ..) = silu(gates) * values, of gates x[i ..) and values x[i + n ..). */
  static void gated(boolean vectors, float[] x, int i, float[] out, int j, int n) {
    int bound = Simd.bound(vectors, n);
    for (int c = 0; c < bound; c += LANES) {
      FloatVector g = load(x, i + c);
      load(x, i + n + c).mul(g).mul(Simd.sigmoid(g)).intoArray(out, j + c);
    }
    for (int c = bound; c < n; c++) {
      float g = x[i + c];
      out[j + c] = x[i + n + c] * g * Simd.sigmoid(g);
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
