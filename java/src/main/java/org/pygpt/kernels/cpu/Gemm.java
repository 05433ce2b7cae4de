package org.pygpt.kernels.cpu;

import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (one product's arguments): matrix products by whichever way is fastest at their size: our
 * own loops on one thread, one native call, or a native call for each thread on its part of the
 * result; few rows in a way of their own.
 */
final class Gemm implements Team.Task {
  /** From this many multiply-adds on, a native call is faster than our own loops. */
  private static final long NATIVE_FROM = 64 * 64 * 32;

  /** From this many on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 64 * 64 * 64;

  /** Parts begin at whole cache lines, and at whole tiles of the native kernels. */
  private static final int MULTIPLE = 16;

  private final Team team;
  private final Staging staging;
  private final Gemv fewRows;
  private MatMul shape;
  private Tensor a;
  private Tensor b;
  private Tensor c;
  private boolean splitRows;

  Gemm(Team team, Staging staging) {
    this.team = team;
    this.staging = staging;
    fewRows = new Gemv(team);
  }

  void multiply(MatMul shape, Tensor a, Tensor b, Tensor c) {
    int m = shape.m();
    int n = shape.n();
    int k = shape.k();
    if (!shape.transposeA() && !shape.add() && Gemv.take(m, n, k)) {
      fewRows.multiply(shape.transposeB(), m, n, k, a, b, c);
      return;
    }
    this.shape = shape;
    this.a = a;
    this.b = b;
    this.c = c;
    this.splitRows = m >= n;
    long work = (long) m * n * k;
    if (work < NATIVE_FROM) {
      small();
    } else if (work < PARALLEL_FROM) {
      run(0, 0, splitRows ? m : n);
    } else {
      team.run(this, splitRows ? m : n, MULTIPLE);
    }
  }

  /** One worker's rows, or columns, of the result. */
  @Override
  public void run(int worker, int from, int to) {
    int row = splitRows ? from : 0;
    int column = splitRows ? 0 : from;
    NativeGemm.multiply(
        shape.transposeA(),
        shape.transposeB(),
        splitRows ? to - from : shape.m(),
        splitRows ? shape.n() : to - from,
        shape.k(),
        HostMemory.address(a) + 4L * row * (shape.transposeA() ? 1 : a.rowStride()),
        a.rowStride(),
        HostMemory.address(b) + 4L * column * (shape.transposeB() ? b.rowStride() : 1),
        b.rowStride(),
        shape.add(),
        HostMemory.address(c) + 4L * row * c.rowStride() + 4L * column,
        c.rowStride());
  }

  void close() {
    fewRows.close();
  }

  private void small() {
    int m = shape.m();
    int n = shape.n();
    int k = shape.k();
    boolean transposeA = shape.transposeA();
    boolean transposeB = shape.transposeB();
    boolean add = shape.add();
    float[] left = staging.read(0, a, 0, transposeA ? k : m);
    float[] right = staging.read(1, b, 0, transposeB ? n : k);
    if (transposeB) {
      right = transpose(right, n, k, staging.array(2, n * k));
    }
    float[] product = add ? staging.read(3, c, 0, m) : staging.array(3, m * n);
    int aRow = transposeA ? 1 : k;
    int aColumn = transposeA ? m : 1;
    SmallGemm.multiply(left, aRow, aColumn, right, n, product, n, m, n, k, add);
    Staging.write(product, c, 0, m);
  }

  private static float[] transpose(float[] from, int rows, int columns, float[] to) {
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        to[j * rows + i] = from[i * columns + j];
      }
    }
    return to;
  }
}
