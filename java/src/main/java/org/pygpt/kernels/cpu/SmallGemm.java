package org.pygpt.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Products too small for a native call, c (+)= a @ b on heap arrays. Element (i, p) of a is {@code
 * a[i * aRow + p * aColumn]}, so a may be transposed; rows of b and c are contiguous, {@code bRow}
 * and {@code cRow} apart.
 *
 * <p>The plain and the vector version give the same bits, since both sum over p in order with fused
 * multiply-adds.
 */
final class SmallGemm {
  private static final int LANES = Simd.LANES;

  private SmallGemm() {}

  static void multiply(
      float[] a,
      int aRow,
      int aColumn,
      float[] b,
      int bRow,
      float[] c,
      int cRow,
      int m,
      int n,
      int k,
      boolean add) {
    if (Simd.ready()) {
      vector(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, add);
    } else {
      plain(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, add);
      Simd.count((long) m * n * k);
    }
  }

  static void plain(
      float[] a,
      int aRow,
      int aColumn,
      float[] b,
      int bRow,
      float[] c,
      int cRow,
      int m,
      int n,
      int k,
      boolean add) {
    for (int i = 0; i < m; i++) {
      int j = 0;
      for (; j + 8 <= n; j += 8) {
        plain8(a, i * aRow, aColumn, b, j, bRow, c, i * cRow + j, k, add);
      }
      for (; j < n; j++) {
        float sum = add ? c[i * cRow + j] : 0;
        for (int p = 0; p < k; p++) {
          sum = Math.fma(a[i * aRow + p * aColumn], b[p * bRow + j], sum);
        }
        c[i * cRow + j] = sum;
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
      int bRow,
      float[] c,
      int z,
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
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
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
      float[] a,
      int aRow,
      int aColumn,
      float[] b,
      int bRow,
      float[] c,
      int cRow,
      int m,
      int n,
      int k,
      boolean add) {
    for (int j = 0; j < n; j += LANES) {
      int i = 0;
      if (j + LANES <= n) {
        for (; i + 8 <= m; i += 8) {
          vector8(a, i * aRow, aRow, aColumn, b, j, bRow, c, i * cRow + j, cRow, k, add);
        }
        for (; i < m; i++) {
          vector1(a, i * aRow, aColumn, b, j, bRow, c, i * cRow + j, k, add);
        }
      } else {
        VectorMask<Float> mask = Simd.SPECIES.indexInRange(j, n);
        for (; i < m; i++) {
          masked1(a, i * aRow, aColumn, b, j, bRow, c, i * cRow + j, k, add, mask);
        }
      }
    }
  }

  /** Eight rows of one vector of columns: each load of b serves eight sums. */
  private static void vector8(
      float[] a,
      int x,
      int aRow,
      int aColumn,
      float[] b,
      int y,
      int bRow,
      float[] c,
      int z,
      int cRow,
      int k,
      boolean add) {
    FloatVector zero = Simd.broadcast(0);
    FloatVector s0 = add ? Simd.load(c, z) : zero;
    FloatVector s1 = add ? Simd.load(c, z + cRow) : zero;
    FloatVector s2 = add ? Simd.load(c, z + 2 * cRow) : zero;
    FloatVector s3 = add ? Simd.load(c, z + 3 * cRow) : zero;
    FloatVector s4 = add ? Simd.load(c, z + 4 * cRow) : zero;
    FloatVector s5 = add ? Simd.load(c, z + 5 * cRow) : zero;
    FloatVector s6 = add ? Simd.load(c, z + 6 * cRow) : zero;
    FloatVector s7 = add ? Simd.load(c, z + 7 * cRow) : zero;
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
      FloatVector row = Simd.load(b, y);
      s0 = row.fma(Simd.broadcast(a[x]), s0);
      s1 = row.fma(Simd.broadcast(a[x + aRow]), s1);
      s2 = row.fma(Simd.broadcast(a[x + 2 * aRow]), s2);
      s3 = row.fma(Simd.broadcast(a[x + 3 * aRow]), s3);
      s4 = row.fma(Simd.broadcast(a[x + 4 * aRow]), s4);
      s5 = row.fma(Simd.broadcast(a[x + 5 * aRow]), s5);
      s6 = row.fma(Simd.broadcast(a[x + 6 * aRow]), s6);
      s7 = row.fma(Simd.broadcast(a[x + 7 * aRow]), s7);
    }
    s0.intoArray(c, z);
    s1.intoArray(c, z + cRow);
    s2.intoArray(c, z + 2 * cRow);
    s3.intoArray(c, z + 3 * cRow);
    s4.intoArray(c, z + 4 * cRow);
    s5.intoArray(c, z + 5 * cRow);
    s6.intoArray(c, z + 6 * cRow);
    s7.intoArray(c, z + 7 * cRow);
  }

  private static void vector1(
      float[] a,
      int x,
      int aColumn,
      float[] b,
      int y,
      int bRow,
      float[] c,
      int z,
      int k,
      boolean add) {
    FloatVector sum = add ? Simd.load(c, z) : Simd.broadcast(0);
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
      sum = Simd.load(b, y).fma(Simd.broadcast(a[x]), sum);
    }
    sum.intoArray(c, z);
  }

  private static void masked1(
      float[] a,
      int x,
      int aColumn,
      float[] b,
      int y,
      int bRow,
      float[] c,
      int z,
      int k,
      boolean add,
      VectorMask<Float> mask) {
    FloatVector sum = add ? FloatVector.fromArray(Simd.SPECIES, c, z, mask) : Simd.broadcast(0);
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
      FloatVector row = FloatVector.fromArray(Simd.SPECIES, b, y, mask);
      sum = row.fma(Simd.broadcast(a[x]), sum);
    }
    sum.intoArray(c, z, mask);
  }
}
