package org.pygpt.kernels;

/**
 * The shape of a matrix product c (+)= op(a) @ op(b): (m, k) @ (k, n) -> (m, n).
 *
 * @param m rows of c
 * @param n columns of c
 * @param k inner dimension
 * @param transposeA whether op(a) is a transposed; a is then stored as (k, m)
 * @param transposeB whether op(b) is b transposed; b is then stored as (n, k)
 * @param add whether to add to c rather than to overwrite it
 */
public record MatMul(int m, int n, int k, boolean transposeA, boolean transposeB, boolean add) {
  /**
   * The shape of these numbers: {@code last} where it has them, so that an op that keeps its shapes
   * makes none in the steps that follow.
   *
   * @param last null for none
   */
  public static MatMul like(
      MatMul last, int m, int n, int k, boolean transposeA, boolean transposeB, boolean add) {
    boolean isLast =
        last != null
            && (m == last.m && n == last.n && k == last.k)
            && (transposeA == last.transposeA && transposeB == last.transposeB)
            && add == last.add;
    return isLast ? last : new MatMul(m, n, k, transposeA, transposeB, add);
  }
}
