package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.kernels.AttentionSpec;

/**
 * Mutable (scratch arrays): attention of one short or narrow head, staged on the heap, with our own
 * products.
 */
final class SmallHead implements AttentionTask.Head {
  /** Queries of a block: one vector of the widest kind. */
  private static final int WIDTH = 16;

  private static final int KEYS = 0;
  private static final int VALUES = 1;
  private static final int QUERIES = 2;
  private static final int QUERIES_T = 3;
  private static final int SCORES = 4;
  private static final int OUT = 5;
  private static final int D_OUT = 6;
  private static final int D_OUT_T = 7;
  private static final int D_SCORES = 8;
  private static final int D_QUERIES = 9;
  private static final int D_KEYS = 10;
  private static final int D_VALUES = 11;
  private static final int DROPPED = 12;

  private final float[] logsumexp = new float[WIDTH];

  @Override
  public void forward(AttentionTask task, Staging staging, int b, int h, int g) {
    AttentionSpec spec = task.spec;
    int D = task.D;
    float[] k = staging.read(KEYS, task.k, g * D, D, b * spec.keys(), spec.keys()); // (keys, D)
    float[] v = staging.read(VALUES, task.v, g * D, D, b * spec.keys(), spec.keys());
    boolean vectors = Simd.ready();
    for (int t = 0; t < spec.queries(); t += WIDTH) {
      int queries = Math.min(WIDTH, spec.queries() - t);
      int length = spec.visible(t + queries - 1);
      float[] scores = scores(task, staging, k, b, h, t, queries, length);
      SoftmaxMath.mask(scores, WIDTH, length, spec.visible(t));
      SoftmaxMath.forward(vectors, scores, WIDTH, length, queries, task.scale, logsumexp);
      if (task.mask != null) {
        long head = (long) b * task.spec.H() + h;
        SoftmaxMath.drop(task.mask, task.spec, scores, WIDTH, length, head, t);
      }
      float[] out = staging.array(OUT, queries * D);
      // (queries, length) @ (length, D) -> (queries, D)
      SmallGemm.multiply(scores, 1, WIDTH, v, D, out, D, queries, D, length, false);
      Staging.write(out, task.out, h * D, D, b * spec.queries() + t, queries);
      if (task.logsumexp != null) {
        Staging.write(logsumexp, task.logsumexp, t, queries, b * task.spec.H() + h, 1);
      }
    }
  }

  /** keys . queries, (length, WIDTH). */
  private float[] scores(
      AttentionTask task,
      Staging staging,
      float[] k,
      int b,
      int h,
      int t,
      int queries,
      int length) {
    int D = task.D;
    float[] q = staging.read(QUERIES, task.q, h * D, D, b * task.spec.queries() + t, queries);
    float[] qT = transpose(q, queries, D, staging.array(QUERIES_T, D * WIDTH));
    float[] scores = staging.array(SCORES, length * WIDTH);
    // (length, D) @ (D, WIDTH) -> (length, WIDTH)
    SmallGemm.multiply(k, D, 1, qT, WIDTH, scores, WIDTH, length, WIDTH, D, false);
    return scores;
  }

  /** (queries, D) -> (D, WIDTH), missing queries 0. */
  private static float[] transpose(float[] from, int queries, int D, float[] to) {
    for (int d = 0; d < D; d++) {
      for (int t = 0; t < queries; t++) {
        to[d * WIDTH + t] = from[t * D + d];
      }
      Arrays.fill(to, d * WIDTH + queries, (d + 1) * WIDTH, 0);
    }
    return to;
  }

  @Override
  public void backward(AttentionTask task, Staging staging, int b, int h, int g, boolean first) {
    AttentionSpec spec = task.spec;
    int D = task.D;
    boolean vectors = Simd.ready();
    float[] k = staging.read(KEYS, task.k, g * D, D, b * spec.keys(), spec.keys());
    float[] v = staging.read(VALUES, task.v, g * D, D, b * spec.keys(), spec.keys());
    float[] dK = staging.array(D_KEYS, spec.keys() * D);
    float[] dV = staging.array(D_VALUES, spec.keys() * D);
    if (first) {
      Arrays.fill(dK, 0, spec.keys() * D, 0);
      Arrays.fill(dV, 0, spec.keys() * D, 0);
    }
    for (int t = 0; t < spec.queries(); t += WIDTH) {
      int queries = Math.min(WIDTH, spec.queries() - t);
      int length = spec.visible(t + queries - 1);
      float[] scores = scores(task, staging, k, b, h, t, queries, length);
      SoftmaxMath.mask(scores, WIDTH, length, spec.visible(t));
      float[] dOut = staging.read(D_OUT, task.dOut, h * D, D, b * spec.queries() + t, queries);
      float[] dOutT = transpose(dOut, queries, D, staging.array(D_OUT_T, D * WIDTH));
      float[] dScores = staging.array(D_SCORES, length * WIDTH);
      SmallGemm.multiply(v, D, 1, dOutT, WIDTH, dScores, WIDTH, length, WIDTH, D, false);
      long head = (long) b * task.spec.H() + h;
      if (task.mask != null) {
        SoftmaxMath.drop(task.mask, task.spec, dScores, WIDTH, length, head, t);
      }
      System.arraycopy(
          staging.read(OUT, task.logsumexp, t, queries, b * task.spec.H() + h, 1),
          0,
          logsumexp,
          0,
          queries);
      SoftmaxMath.backward(vectors, scores, dScores, WIDTH, length, queries, task.scale, logsumexp);
      float[] dropped = scores;
      if (task.mask != null) {
        dropped = staging.array(DROPPED, length * WIDTH);
        System.arraycopy(scores, 0, dropped, 0, length * WIDTH);
        SoftmaxMath.drop(task.mask, task.spec, dropped, WIDTH, length, head, t);
      }
      // (length, queries) @ (queries, D) -> (length, D)
      SmallGemm.multiply(dropped, WIDTH, 1, dOut, D, dV, D, length, D, queries, true);
      float[] q = staging.array(QUERIES, queries * D);
      SmallGemm.multiply(dScores, WIDTH, 1, q, D, dK, D, length, D, queries, true);
      float[] dQ = staging.array(D_QUERIES, queries * D);
      // (queries, length) @ (length, D) -> (queries, D)
      SmallGemm.multiply(dScores, 1, WIDTH, k, D, dQ, D, queries, D, length, false);
      Staging.write(dQ, task.gradients.q(), h * D, D, b * spec.queries() + t, queries);
    }
    Staging.write(dK, task.gradients.k(), g * D, D, b * spec.keys(), spec.keys());
    Staging.write(dV, task.gradients.v(), g * D, D, b * spec.keys(), spec.keys());
  }
}
