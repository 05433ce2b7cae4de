package org.pygpt.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products too small for a native call, c (+)= a @ b on heap arrays: a is (m, k) with element (i,
 * p) at {@code i * aRow + p * aColumn}, b is (k, n) and c is (m, n), both dense.
 *
 * <p>There are two versions with the same bits, since both sum over p in order with fused
 * multiply-adds. The plain one is compiled within milliseconds; the vector one is three times as
 * fast, but takes C2 some 400 ms, in which it would be slower than the interpreter. So a run begins
 * with the plain one; when it proves to be long, a thread of its own warms the vector one up, and
 * from then on that one serves.
 */
final class SmallGemm {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** A run that makes fewer products is over before the vector version would pay. */
  private static final int CALLS_BEFORE_WARM_UP = 40_000;

  private static volatile boolean vectorIsWarm;
  private static boolean warmingUp;
  private int calls;

  void multiply(
      float[] a, int aRow, int aColumn, float[] b, float[] c, int m, int n, int k, boolean add) {
    if (vectorIsWarm) {
      vector(a, aRow, aColumn, b, c, m, n, k, add);
      return;
    }
    plain(a, aRow, aColumn, b, c, m, n, k, add);
    if (++calls == CALLS_BEFORE_WARM_UP) {
      warmUp();
    }
  }

  static void plain(
      float[] a, int aRow, int aColumn, float[] b, float[] c, int m, int n, int k, boolean add) {
    for (int i = 0; i < m; i++) {
      int j = 0;
      for (; j + 8 <= n; j += 8) {
        plain8(a, i * aRow, aColumn, b, j, c, i * n + j, n, k, add);
      }
      for (; j < n; j++) {
        float sum = add ? c[i * n + j] : 0;
        for (int p = 0; p < k; p++) {
          sum = Math.fma(a[i * aRow + p * aColumn], b[p * n + j], sum);
        }
        c[i * n + j] = sum;
      }
    }
  }

  /** Eight columns of one row: eight sums that do not wait for each other. */
  private static void plain8(
      float[] a,
      int x,
      int aColumn,
      float[] b,
      int y,
      float[] c,
      int z,
      int n,
      int k,
      boolean add) {
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
    if (add) {
      s0 = c[z];
      s1 = c[z + 1];
      s2 = c[z + 2];
      s3 = c[z + 3];
      s4 = c[z + 4];
      s5 = c[z + 5];
      s6 = c[z + 6];
      s7 = c[z + 7];
    }
    for (int p = 0; p < k; p++, x += aColumn, y += n) {
      float v = a[x];
      s0 = Math.fma(v, b[y], s0);
      s1 = Math.fma(v, b[y + 1], s1);
      s2 = Math.fma(v, b[y + 2], s2);
      s3 = Math.fma(v, b[y + 3], s3);
      s4 = Math.fma(v, b[y + 4], s4);
      s5 = Math.fma(v, b[y + 5], s5);
      s6 = Math.fma(v, b[y + 6], s6);
      s7 = Math.fma(v, b[y + 7], s7);
    }
    c[z] = s0;
    c[z + 1] = s1;
    c[z + 2] = s2;
    c[z + 3] = s3;
    c[z + 4] = s4;
    c[z + 5] = s5;
    c[z + 6] = s6;
    c[z + 7] = s7;
  }

  static void vector(
      float[] a, int aRow, int aColumn, float[] b, float[] c, int m, int n, int k, boolean add) {
    FloatVector zero = FloatVector.zero(SPECIES);
    for (int j = 0; j < n; j += SPECIES.length()) {
      VectorMask<Float> mask = SPECIES.indexInRange(j, n);
      int i = 0;
      for (; i + 2 <= m; i += 2) { // two rows share each load of b
        int z = i * n + j;
        FloatVector s = add ? FloatVector.fromArray(SPECIES, c, z, mask) : zero;
        FloatVector t = add ? FloatVector.fromArray(SPECIES, c, z + n, mask) : zero;
        int x = i * aRow;
        for (int p = 0, y = j; p < k; p++, x += aColumn, y += n) {
          FloatVector row = FloatVector.fromArray(SPECIES, b, y, mask);
          s = row.fma(FloatVector.broadcast(SPECIES, a[x]), s);
          t = row.fma(FloatVector.broadcast(SPECIES, a[x + aRow]), t);
        }
        s.intoArray(c, z, mask);
        t.intoArray(c, z + n, mask);
      }
      for (; i < m; i++) {
        int z = i * n + j;
        FloatVector s = add ? FloatVector.fromArray(SPECIES, c, z, mask) : zero;
        int x = i * aRow;
        for (int p = 0, y = j; p < k; p++, x += aColumn, y += n) {
          FloatVector row = FloatVector.fromArray(SPECIES, b, y, mask);
          s = row.fma(FloatVector.broadcast(SPECIES, a[x]), s);
        }
        s.intoArray(c, z, mask);
      }
    }
  }

  private static synchronized void warmUp() {
    if (!warmingUp) {
      warmingUp = true;
      Thread thread = new Thread(SmallGemm::runUntilCompiled, "pygpt-warm-up");
      thread.setDaemon(true);
      thread.setPriority(Thread.MIN_PRIORITY);
      thread.start();
    }
  }

  /**
   * Calls the vector version until C2 has surely compiled it: its thresholds are 5,000 and 15,000.
   */
  private static void runUntilCompiled() {
    float[] a = new float[64 * 64];
    float[] b = new float[64 * 64];
    float[] c = new float[64 * 64];
    for (int call = 0; call < 20_000; call++) {
      int m = 1 + call % 16;
      int n = 16 + call % 49;
      vector(a, 64, 1, b, c, m, n, 16, call % 3 == 0);
    }
    vectorIsWarm = true;
  }
}
