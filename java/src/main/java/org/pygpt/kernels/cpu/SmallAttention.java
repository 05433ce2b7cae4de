package org.pygpt.kernels.cpu;

import org.pygpt.tensor.Tensor;

/** Mutable (scratch arrays): causal attention, one head of one sequence at a time, staged. */
final class SmallAttention {
  private final Staging staging = new Staging(8);

  void forward(
      int B,
      int T,
      int past,
      int H,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor probabilities) {
    int D = q.columns() / H;
    float scale = (float) (1 / Math.sqrt(D));
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        float[] queries = staging.read(0, q.columns(h * D, D), b * T, T); // (T, D)
        float[] keys = staging.read(1, k.columns(h * D, D), b * T, past + T);
        float[] values = staging.read(2, v.columns(h * D, D), b * T, past + T);
        float[] mixed = staging.array(3, T * D);
        for (int t = 0; t < T; t++) {
          int length = past + t + 1;
          float[] p = staging.array(4, probabilities.columns());
          scores(queries, t * D, keys, D, length, scale, p);
          softmax(p, length);
          mix(p, length, values, D, mixed, t * D);
          Staging.write(p, probabilities.columns(0, length), (b * H + h) * T + t, 1);
        }
        Staging.write(mixed, out.columns(h * D, D), b * T, T);
      }
    }
  }

  /** p[s] = scale * queries[at, at + D) . keys[s] for s < length. */
  private static void scores(
      float[] queries, int at, float[] keys, int D, int length, float scale, float[] p) {
    for (int s = 0; s < length; s++) {
      float dot = 0;
      for (int d = 0; d < D; d++) {
        dot = Math.fma(queries[at + d], keys[s * D + d], dot);
      }
      p[s] = dot * scale;
    }
  }

  private static void softmax(float[] p, int length) {
    float max = Float.NEGATIVE_INFINITY;
    for (int s = 0; s < length; s++) {
      max = Math.max(max, p[s]);
    }
    float sum = 0;
    for (int s = 0; s < length; s++) {
      p[s] = (float) Math.exp(p[s] - max);
      sum += p[s];
    }
    float inverse = 1 / sum;
    for (int s = 0; s < length; s++) {
      p[s] *= inverse;
    }
  }

  /** out[at, at + D) = sum over s of p[s] * values[s]. */
  private static void mix(float[] p, int length, float[] values, int D, float[] out, int at) {
    for (int d = 0; d < D; d++) {
      float sum = 0;
      for (int s = 0; s < length; s++) {
        sum = Math.fma(p[s], values[s * D + d], sum);
      }
      out[at + d] = sum;
    }
  }

  void backward(
      int B,
      int T,
      int H,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor probabilities,
      Tensor dQ,
      Tensor dK,
      Tensor dV) {
    int D = q.columns() / H;
    float scale = (float) (1 / Math.sqrt(D));
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        float[] queries = staging.read(0, q.columns(h * D, D), b * T, T);
        float[] keys = staging.read(1, k.columns(h * D, D), b * T, T);
        float[] values = staging.read(2, v.columns(h * D, D), b * T, T);
        float[] dMixed = staging.read(3, dOut.columns(h * D, D), b * T, T);
        float[] dQueries = zeros(5, T * D);
        float[] dKeys = zeros(6, T * D);
        float[] dValues = zeros(7, T * D);
        for (int t = 0; t < T; t++) {
          float[] p = staging.read(4, probabilities.columns(0, t + 1), (b * H + h) * T + t, 1);
          backwardOfQuery(t, D, scale, p, queries, keys, values, dMixed, dQueries, dKeys, dValues);
        }
        Staging.write(dQueries, dQ.columns(h * D, D), b * T, T);
        Staging.write(dKeys, dK.columns(h * D, D), b * T, T);
        Staging.write(dValues, dV.columns(h * D, D), b * T, T);
      }
    }
  }

  private static void backwardOfQuery(
      int t,
      int D,
      float scale,
      float[] p,
      float[] queries,
      float[] keys,
      float[] values,
      float[] dMixed,
      float[] dQueries,
      float[] dKeys,
      float[] dValues) {
    int at = t * D;
    float mean = 0; // sum over s of p[s] * dP[s], which is mixed . dMixed
    for (int s = 0; s <= t; s++) {
      mean = Math.fma(p[s], dot(dMixed, at, values, s * D, D), mean);
    }
    for (int s = 0; s <= t; s++) {
      float dScore = p[s] * (dot(dMixed, at, values, s * D, D) - mean) * scale;
      for (int d = 0; d < D; d++) {
        dQueries[at + d] = Math.fma(dScore, keys[s * D + d], dQueries[at + d]);
        dKeys[s * D + d] = Math.fma(dScore, queries[at + d], dKeys[s * D + d]);
        dValues[s * D + d] = Math.fma(p[s], dMixed[at + d], dValues[s * D + d]);
      }
    }
  }

  private static float dot(float[] a, int aFrom, float[] b, int bFrom, int length) {
    float sum = 0;
    for (int i = 0; i < length; i++) {
      sum = Math.fma(a[aFrom + i], b[bFrom + i], sum);
    }
    return sum;
  }

  private float[] zeros(int slot, int length) {
    float[] array = staging.array(slot, length);
    java.util.Arrays.fill(array, 0, length, 0);
    return array;
  }
}
