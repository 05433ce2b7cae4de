package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.ONE;
import static org.pygpt.kernels.cpu.VectorMath.broadcast;
import static org.pygpt.kernels.cpu.VectorMath.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.reference.Activations;
import org.pygpt.tensor.Tensor;

/** Activations; formulas and their derivations are in docs/maths/activation.md. */
final class ActivationKernel {
  /** 2 sqrt(2 / pi); GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final float GELU_SCALE = (float) (2 * Math.sqrt(2 / Math.PI));

  /** Its cubic coefficient, and that of its derivative, both times the scale. */
  private static final float CUBE = 0.044715f * GELU_SCALE;

  private static final float SLOPE_CUBE = 3 * CUBE;

  // (1 - erf(x / sqrt(2))) / 2 to 1e-7: Abramowitz and Stegun 1964, 7.1.26, divided by 2
  private static final float ERF_P = (float) (0.3275911 * Math.sqrt(0.5));
  private static final float A1 = 0.5f * 0.254829592f;
  private static final float A2 = 0.5f * -0.284496736f;
  private static final float A3 = 0.5f * 1.421413741f;
  private static final float A4 = 0.5f * -1.453152027f;
  private static final float A5 = 0.5f * 1.061405429f;
  private static final float NORMAL = (float) (1 / Math.sqrt(2 * Math.PI));

  // the same as vectors, made once
  private static final FloatVector V_SCALE = broadcast(GELU_SCALE);
  private static final FloatVector V_CUBE = broadcast(CUBE);
  private static final FloatVector V_SLOPE_CUBE = broadcast(SLOPE_CUBE);
  private static final FloatVector V_ERF_P = broadcast(ERF_P);
  private static final FloatVector V_A1 = broadcast(A1);
  private static final FloatVector V_A2 = broadcast(A2);
  private static final FloatVector V_A3 = broadcast(A3);
  private static final FloatVector V_A4 = broadcast(A4);
  private static final FloatVector V_A5 = broadcast(A5);
  private static final FloatVector V_NORMAL = broadcast(NORMAL);

  private ActivationKernel() {}

  /** out = activation(x + bias); bias may be null. */
  record Forward(Activation kind, Tensor x, Tensor bias, Tensor out) implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      staging.readVector(2, bias, x.columns(), 0);
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      int F = out.columns();
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      if (bias != null) {
        BiasKernel.addToRows(vectors, staging.array(2, n), values, count, n);
      }
      if (!kind.isGated()) {
        forward(vectors, kind, values, staging.array(3, count * F), count * F);
        Staging.write(values, out, row, count);
        return;
      }
      float[] gated = staging.array(1, count * F);
      for (int r = 0; r < count; r++) {
        if (kind == Activation.SWIGLU) {
          gated(vectors, values, r * n, gated, r * F, staging.array(3, F), F);
        } else {
          anyGated(vectors, kind.function(), values, r * n, gated, r * F, staging, F);
        }
      }
      Staging.write(gated, out, row, count);
    }
  }

  /** Gradient of the activation, and of its bias; {@code dBias} is null where nobody wants it. */
  record Backward(Activation kind, Tensor x, Tensor bias, Tensor dOut, Tensor dX, RowSum dBias)
      implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      staging.readVector(2, bias, x.columns(), 0);
      if (dBias != null) {
        dBias.begin(staging, x.columns());
      }
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      int n = x.columns();
      float[] values = staging.read(0, x, row, count);
      float[] gradient = staging.read(1, dOut, row, count);
      if (bias != null) {
        BiasKernel.addToRows(vectors, staging.array(2, n), values, count, n);
      }
      if (kind.isGated()) {
        int F = dOut.columns();
        for (int r = 0; r < count; r++) {
          if (kind == Activation.SWIGLU) {
            gatedBackward(vectors, values, r * n, gradient, r * F, staging.array(3, F), F);
          } else {
            anyGatedBackward(vectors, kind.function(), values, r * n, gradient, r * F, staging, F);
          }
        }
        gradient = values;
      } else {
        backward(vectors, kind, values, gradient, staging.array(3, count * n), count * n);
      }
      if (dBias != null) {
        BiasKernel.sumRows(vectors, gradient, dBias.of(staging), count, n);
      }
      Staging.write(gradient, dX, row, count);
    }
  }

  /**
   * x[0 .. n) = activation(x[0 .. n)), for an activation without a gate.
   *
   * @param scratch of at least n floats, as in all that follows
   */
  static void forward(boolean vectors, Activation kind, float[] x, float[] scratch, int n) {
    int bound = VectorMath.bound(vectors, n);
    switch (kind) {
      case GELU -> {
        geluSigmoid(x, scratch, bound, n);
        multiply(scratch, x, n);
      }
      case GELU_EXACT -> {
        exponential(x, scratch, bound, n);
        normalCdf(x, scratch, bound, n);
        multiply(scratch, x, n);
      }
      case RELU -> relu(x, n);
      case RELU2 -> relu2(x, n);
      case SILU -> {
        sigmoid(x, 0, scratch, bound, n);
        multiply(scratch, x, n);
      }
      default -> {
        for (int c = 0; c < n; c++) {
          x[c] = (float) Activations.value(kind, x[c]);
        }
      }
    }
  }

  /** dOut[0 .. n) *= the slope at x[0 .. n), for an activation without a gate. */
  static void backward(
      boolean vectors, Activation kind, float[] x, float[] dOut, float[] scratch, int n) {
    int bound = VectorMath.bound(vectors, n);
    switch (kind) {
      case GELU -> {
        geluSigmoid(x, scratch, bound, n);
        geluBackward(x, scratch, dOut, bound, n);
      }
      case GELU_EXACT -> {
        exponential(x, scratch, bound, n);
        geluExactBackward(x, scratch, dOut, bound, n);
      }
      case RELU -> reluBackward(x, dOut, n);
      case RELU2 -> relu2Backward(x, dOut, n);
      default -> {
        for (int c = 0; c < n; c++) {
          dOut[c] *= (float) Activations.slope(kind, x[c]);
        }
      }
    }
  }

  /** s = sigmoid(2u), which is (1 + tanh(u)) / 2. */
  private static void geluSigmoid(float[] x, float[] s, int bound, int n) {
    if (bound > 0) {
      vectorGeluSigmoid(x, s, bound);
    }
    for (int c = bound; c < n; c++) {
      s[c] = VectorMath.sigmoid(geluArgument(x[c]));
    }
  }

  private static void vectorGeluSigmoid(float[] x, float[] s, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      VectorMath.sigmoid(geluArgument(load(x, c))).intoArray(s, c);
    }
  }

  private static void geluBackward(float[] x, float[] s, float[] dOut, int bound, int n) {
    if (bound > 0) {
      vectorGeluBackward(x, s, dOut, bound);
    }
    for (int c = bound; c < n; c++) {
      float dArgument = Math.fma(x[c] * x[c], SLOPE_CUBE, GELU_SCALE);
      dOut[c] *= Math.fma(x[c] * s[c] * (1 - s[c]), dArgument, s[c]);
    }
  }

  private static void vectorGeluBackward(float[] x, float[] s, float[] dOut, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      FloatVector sigmoid = load(s, c);
      FloatVector dArgument = v.mul(v).fma(V_SLOPE_CUBE, V_SCALE);
      FloatVector slope = v.mul(sigmoid).mul(ONE.sub(sigmoid)).fma(dArgument, sigmoid);
      load(dOut, c).mul(slope).intoArray(dOut, c);
    }
  }

  private static void geluExactBackward(float[] x, float[] e, float[] dOut, int bound, int n) {
    if (bound > 0) {
      vectorGeluExactBackward(x, e, dOut, bound);
    }
    for (int c = bound; c < n; c++) {
      dOut[c] *= Math.fma(x[c] * e[c], NORMAL, normalCdf(x[c], e[c]));
    }
  }

  private static void vectorGeluExactBackward(float[] x, float[] e, float[] dOut, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      FloatVector exponential = load(e, c);
      FloatVector slope = v.mul(exponential).fma(V_NORMAL, normalCdf(v, exponential));
      load(dOut, c).mul(slope).intoArray(dOut, c);
    }
  }

  /** to *= x; C2 makes vectors of this by itself, as of those that follow. */
  private static void multiply(float[] x, float[] to, int n) {
    for (int c = 0; c < n; c++) {
      to[c] *= x[c];
    }
  }

  private static void relu(float[] x, int n) {
    for (int c = 0; c < n; c++) {
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

  /** out[j .. j + n) = silu(gates) * values, of gates x[i ..) and values x[i + n ..). */
  static void gated(boolean vectors, float[] x, int i, float[] out, int j, float[] scratch, int n) {
    int bound = VectorMath.bound(vectors, n);
    sigmoid(x, i, scratch, bound, n);
    for (int c = 0; c < n; c++) {
      out[j + c] = x[i + c] * scratch[c] * x[i + n + c];
    }
  }

  private static void sigmoid(float[] x, int i, float[] s, int bound, int n) {
    if (bound > 0) {
      vectorSigmoid(x, i, s, bound);
    }
    for (int c = bound; c < n; c++) {
      s[c] = VectorMath.sigmoid(x[i + c]);
    }
  }

  private static void vectorSigmoid(float[] x, int i, float[] s, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      VectorMath.sigmoid(load(x, i + c)).intoArray(s, c);
    }
  }

  /** Gates x[i ..) and values x[i + n ..) are replaced by their gradients. */
  static void gatedBackward(
      boolean vectors, float[] x, int i, float[] dOut, int j, float[] scratch, int n) {
    int bound = VectorMath.bound(vectors, n);
    sigmoid(x, i, scratch, bound, n);
    if (bound > 0) {
      vectorGatedBackward(x, i, dOut, j, scratch, bound, n);
    }
    for (int c = bound; c < n; c++) {
      float up = x[i + n + c];
      float silu = x[i + c] * scratch[c];
      x[i + c] = dOut[j + c] * up * Math.fma(silu, 1 - scratch[c], scratch[c]);
      x[i + n + c] = dOut[j + c] * silu;
    }
  }

  private static void vectorGatedBackward(
      float[] x, int i, float[] dOut, int j, float[] scratch, int bound, int n) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector g = load(x, i + c);
      FloatVector up = load(x, i + n + c);
      FloatVector d = load(dOut, j + c);
      FloatVector s = load(scratch, c);
      FloatVector silu = g.mul(s);
      d.mul(up).mul(silu.fma(ONE.sub(s), s)).intoArray(x, i + c);
      d.mul(silu).intoArray(x, i + n + c);
    }
  }

  /** out[j .. j + n) = f(gates) * values, of gates x[i ..) and values x[i + n ..), for any f. */
  private static void anyGated(
      boolean vectors, Activation f, float[] x, int i, float[] out, int j, Staging staging, int n) {
    float[] gates = staging.array(4, n);
    System.arraycopy(x, i, gates, 0, n);
    forward(vectors, f, gates, staging.array(3, n), n);
    for (int c = 0; c < n; c++) {
      out[j + c] = gates[c] * x[i + n + c];
    }
  }

  /** Gates x[i ..) and values x[i + n ..) are replaced by their gradients, for any f. */
  private static void anyGatedBackward(
      boolean vectors,
      Activation f,
      float[] x,
      int i,
      float[] dOut,
      int j,
      Staging staging,
      int n) {
    float[] gates = staging.array(4, n);
    float[] dGates = staging.array(5, n);
    System.arraycopy(x, i, gates, 0, n);
    for (int c = 0; c < n; c++) {
      dGates[c] = dOut[j + c] * x[i + n + c];
    }
    backward(vectors, f, gates, dGates, staging.array(3, n), n);
    System.arraycopy(x, i, gates, 0, n);
    forward(vectors, f, gates, staging.array(3, n), n);
    for (int c = 0; c < n; c++) {
      x[i + c] = dGates[c];
      x[i + n + c] = dOut[j + c] * gates[c];
    }
  }

  /** 2u: what the sigmoid is taken of. */
  private static float geluArgument(float x) {
    return Math.fma(x * x, CUBE, GELU_SCALE) * x;
  }

  private static FloatVector geluArgument(FloatVector x) {
    return x.mul(x).fma(V_CUBE, V_SCALE).mul(x);
  }

  /** e = exp(-x^2 / 2): of erf, and of the normal density. */
  private static void exponential(float[] x, float[] e, int bound, int n) {
    if (bound > 0) {
      vectorExponential(x, e, bound);
    }
    for (int c = bound; c < n; c++) {
      e[c] = VectorMath.exp(x[c] * x[c] * -0.5f);
    }
  }

  private static void vectorExponential(float[] x, float[] e, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      FloatVector v = load(x, c);
      VectorMath.exp(v.mul(v).mul(-0.5f)).intoArray(e, c);
    }
  }

  /** e = (1 + erf(x / sqrt(2))) / 2, given e = exp(-x^2 / 2). */
  private static void normalCdf(float[] x, float[] e, int bound, int n) {
    if (bound > 0) {
      vectorNormalCdf(x, e, bound);
    }
    for (int c = bound; c < n; c++) {
      e[c] = normalCdf(x[c], e[c]);
    }
  }

  private static void vectorNormalCdf(float[] x, float[] e, int bound) {
    for (int c = 0; c < bound; c += LANES) {
      normalCdf(load(x, c), load(e, c)).intoArray(e, c);
    }
  }

  private static float normalCdf(float x, float exponential) {
    float t = 1 / Math.fma(Math.abs(x), ERF_P, 1);
    float p = Math.fma(Math.fma(Math.fma(Math.fma(A5, t, A4), t, A3), t, A2), t, A1) * t;
    float tail = p * exponential;
    return x < 0 ? tail : 1 - tail;
  }

  private static FloatVector normalCdf(FloatVector x, FloatVector exponential) {
    FloatVector t = ONE.div(x.abs().fma(V_ERF_P, ONE));
    FloatVector p = V_A5.fma(t, V_A4).fma(t, V_A3).fma(t, V_A2).fma(t, V_A1).mul(t);
    FloatVector tail = p.mul(exponential);
    return ONE.sub(tail).blend(tail, x.compare(VectorOperators.LT, 0));
  }
}
