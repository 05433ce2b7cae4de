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
  private static final int LANES = VectorMath.LANES;

  private SmallGemm() {}

  static void multiply(
      boolean vectors,
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
    if (vectors) {
      vector(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, add);
    } else {
      plain(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, add);
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
      if (j + LANES <= n) {
        for (int i = 0; i < m; i += 8) {
          int rows = Math.min(8, m - i);
          vectorRows(a, i * aRow, aRow, aColumn, b, j, bRow, c, i * cRow + j, cRow, rows, k, add);
        }
      } else {
        VectorMask<Float> mask = VectorMath.SPECIES.indexInRange(j, n);
        for (int i = 0; i < m; i++) {
          vectorMasked(a, i * aRow, aColumn, b, j, bRow, c, i * cRow + j, k, add, mask);
        }
      }
    }
  }

  /**
   * Up to eight rows of one vector of columns: each load of b serves eight sums. Where there are
   * fewer rows, the last one is computed again in the place of those that are missing: eight sums
   * take no longer than one, whose additions would wait for each other.
   */
  private static void vectorRows(
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
      int rows,
      int k,
      boolean add) {
    int last = rows - 1;
    int i1 = Math.min(1, last);
    int i2 = Math.min(2, last);
    int i3 = Math.min(3, last);
    int i4 = Math.min(4, last);
    int i5 = Math.min(5, last);
    int i6 = Math.min(6, last);
    FloatVector zero = VectorMath.broadcast(0);
    FloatVector s0 = add ? VectorMath.load(c, z) : zero;
    FloatVector s1 = add ? VectorMath.load(c, z + i1 * cRow) : zero;
    FloatVector s2 = add ? VectorMath.load(c, z + i2 * cRow) : zero;
    FloatVector s3 = add ? VectorMath.load(c, z + i3 * cRow) : zero;
    FloatVector s4 = add ? VectorMath.load(c, z + i4 * cRow) : zero;
    FloatVector s5 = add ? VectorMath.load(c, z + i5 * cRow) : zero;
    FloatVector s6 = add ? VectorMath.load(c, z + i6 * cRow) : zero;
    FloatVector s7 = add ? VectorMath.load(c, z + last * cRow) : zero;
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
      FloatVector row = VectorMath.load(b, y);
      s0 = row.fma(VectorMath.broadcast(a[x]), s0);
      s1 = row.fma(VectorMath.broadcast(a[x + i1 * aRow]), s1);
      s2 = row.fma(VectorMath.broadcast(a[x + i2 * aRow]), s2);
      s3 = row.fma(VectorMath.broadcast(a[x + i3 * aRow]), s3);
      s4 = row.fma(VectorMath.broadcast(a[x + i4 * aRow]), s4);
      s5 = row.fma(VectorMath.broadcast(a[x + i5 * aRow]), s5);
      s6 = row.fma(VectorMath.broadcast(a[x + i6 * aRow]), s6);
      s7 = row.fma(VectorMath.broadcast(a[x + last * aRow]), s7);
    }
    s0.intoArray(c, z);
    s1.intoArray(c, z + i1 * cRow);
    s2.intoArray(c, z + i2 * cRow);
    s3.intoArray(c, z + i3 * cRow);
    s4.intoArray(c, z + i4 * cRow);
    s5.intoArray(c, z + i5 * cRow);
    s6.intoArray(c, z + i6 * cRow);
    s7.intoArray(c, z + last * cRow);
  }

  private static void vectorMasked(
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
    FloatVector sum =
        add ? FloatVector.fromArray(VectorMath.SPECIES, c, z, mask) : VectorMath.broadcast(0);
    for (int p = 0; p < k; p++, x += aColumn, y += bRow) {
      FloatVector row = FloatVector.fromArray(VectorMath.SPECIES, b, y, mask);
      sum = row.fma(VectorMath.broadcast(a[x]), sum);
    }
    sum.intoArray(c, z, mask);
  }
}
