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
public record MatMul(int m, int n, int k, boolean transposeA, boolean transposeB, boolean add) {}
