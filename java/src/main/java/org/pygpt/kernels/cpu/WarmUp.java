package org.pygpt.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.pygpt.kernels.Activation;

/** Runs every vector body until C2 has compiled it; see {@link Simd}. */
final class WarmUp {
  private static final int CALLS_A_ROUND = 500;

  /** Compiled code is some 300 times as fast as the first round, which is mostly interpreted. */
  private static final int SPEED_UP = 150;

  /** Well past C2's thresholds, 5,000 calls with loops and 15,000 without, on any machine. */
  private static final int MOST_ROUNDS = 120;

  private static final int ROW = 64;

  private WarmUp() {}

  static void run() {
    try (Arena arena = Arena.ofShared()) { // of the kind that weights have
      run(arena.allocate(ROW * 2L * Simd.LANES * Integer.BYTES, Integer.BYTES));
    }
  }

  private static void run(MemorySegment words) {
    float[] a = new float[64 * 64];
    float[] b = new float[64 * 64];
    float[] c = new float[64 * 64];
    float[] w = new float[ROW];
    float[] scratch = new float[ROW];
    float[] tile = new float[TileMath.WIDTH];
    long firstNanos = 0;
    for (int round = 0; round < MOST_ROUNDS; round++) {
      long start = System.nanoTime();
      for (int call = 0; call < CALLS_A_ROUND; call++) {
        int m = 1 + call % 16;
        int n = 16 + call % 49;
        SmallGemm.vector(a, 64, 1, b, 64, c, 64, m, n, 16, call % 3 == 0);
        SoftmaxMath.forward(true, a, 16, 16, 16, 0.25f, w);
        SoftmaxMath.backward(true, a, b, 16, 16, 16, 0.25f, w);
        TileMath.int8(true, words, 0, b, 0, n, tile, tile);
        TileMath.bfloat16(true, words, 0, b, 0, n, tile, tile);
        rows(a, b, c, w, scratch, call);
      }
      long nanos = System.nanoTime() - start;
      firstNanos = Math.max(firstNanos, nanos);
      if (nanos < firstNanos / SPEED_UP) {
        return;
      }
    }
  }

  private static void rows(float[] a, float[] b, float[] c, float[] w, float[] scratch, int call) {
    int n = call % 2 == 0 ? ROW : ROW - 1;
    Arrays.fill(a, 0, 2 * ROW, 0.5f); // neither denormal nor infinite after many calls
    Arrays.fill(b, 0, 2 * ROW, 0.5f);
    Arrays.fill(c, 0, 2 * ROW, 0.5f);
    float[] lanes = new float[2 * Simd.LANES];
    float mean = NormMath.sum(true, a, ROW, n, lanes) / n;
    NormMath.sumOfSquares(true, a, ROW, n, mean, lanes);
    NormMath.normalize(true, a, ROW, n, mean, 1, w, w);
    NormMath.backward(true, call % 3 != 0, b, a, ROW, n, mean, 1, w, c, c, lanes);
    ElementMath.add(true, a, 0, c, ROW, n);
    ElementMath.max(true, b, n);
    ElementMath.expAndSum(true, b, n, 1, lanes);
    ElementMath.scale(true, b, n, 0.5f);
    for (Activation kind : Activation.values()) {
      if (kind == Activation.SWIGLU) {
        ActivationMath.gated(true, a, 0, b, 0, scratch, n);
        ActivationMath.gatedBackward(true, a, 0, c, 0, scratch, n);
      } else {
        ActivationMath.forward(true, kind, a, scratch, n);
        ActivationMath.backward(true, kind, a, b, scratch, n);
      }
    }
  }
}
