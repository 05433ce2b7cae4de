package org.pygpt.kernels.cpu;

import java.util.Arrays;
import org.pygpt.tensor.Tensor;

/** A short or narrow head, staged on the heap, with our own products. */
final class SmallHead extends AttentionHead {
  /** Queries of a block: one vector of the widest kind. */
  private static final int WIDTH = 16;

  private static final int KEYS = OWN;
  private static final int VALUES = OWN + 1;
  private static final int QUERIES = OWN + 2;
  private static final int TRANSPOSED = OWN + 3;
  private static final int OUT = OWN + 4;
  private static final int D_OUT = OWN + 5;
  private static final int D_QUERIES = OWN + 6;
  private static final int D_KEYS = OWN + 7;
  private static final int D_VALUES = OWN + 8;

  SmallHead() {
    super(WIDTH);
  }

  @Override
  void begin(Place at) {
    Staging staging = at.staging();
    int length = at.keys() * at.D();
    staging.read(KEYS, at.call().in().k(), at.keyColumn(), at.D(), at.keyRow(), at.keys());
    staging.read(VALUES, at.call().in().v(), at.keyColumn(), at.D(), at.keyRow(), at.keys());
    if (at.call().gradients() != null && at.first()) {
      Arrays.fill(staging.array(D_KEYS, length), 0, length, 0);
      Arrays.fill(staging.array(D_VALUES, length), 0, length, 0);
    }
  }

  @Override
  float[] scores(Place at, int t, int queries, int length) {
    return product(at, KEYS, QUERIES, at.call().in().q(), t, queries, length, SCORES);
  }

  @Override
  float[] dProbabilities(Place at, int t, int queries, int length) {
    return product(at, VALUES, D_OUT, at.call().dOut(), t, queries, length, D_SCORES);
  }

  /** Stages a block's rows of q or dOut; (length, D) @ (D, WIDTH) -> (length, WIDTH). */
  private static float[] product(
      Place at, int left, int right, Tensor rows, int t, int queries, int length, int slot) {
    Staging staging = at.staging();
    int D = at.D();
    float[] a = staging.array(left, length * D);
    float[] b = staging.read(right, rows, at.column(), D, at.row(t), queries);
    float[] bT = transpose(b, queries, D, staging.array(TRANSPOSED, D * WIDTH));
    float[] c = staging.array(slot, length * WIDTH);
    SmallGemm.multiply(at.vectors(), a, D, 1, bT, WIDTH, c, WIDTH, length, WIDTH, D, false);
    return c;
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
  void output(Place at, int t, int queries, int length, float[] p) {
    writeRows(at, t, queries, length, p, VALUES, OUT, at.call().out());
  }

  /** Writes pᵀ @ keys or values, (queries, length) @ (length, D), to a block's rows. */
  private static void writeRows(
      Place at, int t, int queries, int length, float[] p, int right, int slot, Tensor to) {
    int D = at.D();
    float[] b = at.staging().array(right, length * D);
    float[] c = at.staging().array(slot, queries * D);
    SmallGemm.multiply(at.vectors(), p, 1, WIDTH, b, D, c, D, queries, D, length, false);
    Staging.write(c, to, at.column(), D, at.row(t), queries);
  }

  @Override
  void gradients(Place at, int t, int queries, int length, float[] p, float[] dScores) {
    addRows(at, p, D_OUT, D_VALUES, queries, length);
    addRows(at, dScores, QUERIES, D_KEYS, queries, length);
    writeRows(at, t, queries, length, dScores, KEYS, D_QUERIES, at.call().gradients().q());
  }

  /** (length, queries) @ (queries, D), added to (length, D). */
  private static void addRows(Place at, float[] a, int right, int sum, int queries, int length) {
    int D = at.D();
    float[] b = at.staging().array(right, queries * D);
    float[] c = at.staging().array(sum, length * D);
    SmallGemm.multiply(at.vectors(), a, WIDTH, 1, b, D, c, D, length, D, queries, true);
  }

  @Override
  void end(Place at) {
    writeKeys(at, D_KEYS, at.call().gradients().k());
    writeKeys(at, D_VALUES, at.call().gradients().v());
  }

  private static void writeKeys(Place at, int slot, Tensor to) {
    float[] sum = at.staging().array(slot, at.keys() * at.D());
    Staging.write(sum, to, at.keyColumn(), at.D(), at.keyRow(), at.keys());
  }
}
