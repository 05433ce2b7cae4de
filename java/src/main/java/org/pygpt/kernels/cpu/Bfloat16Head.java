package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A long head of bfloat16 queries, keys and values, with native products that read them where they
 * lie. Scores and their softmax are float32, probabilities are rounded for the products that read
 * them, and so are the gradients of scores; those of keys and values are summed in float32.
 */
final class Bfloat16Head extends AttentionHead {
  /** Queries of a block; see {@link NativeHead}. */
  private static final int WIDTH = 64;

  // memory of the worker's products
  private static final int WIDE = 0;
  private static final int ROUNDED = 1;
  private static final int D_KEYS = 2;
  private static final int D_VALUES = 3;

  Bfloat16Head() {
    super(WIDTH);
  }

  private static Bfloat16Products products(Place at) {
    return at.call().workers().products(at.staging().worker());
  }

  /** Address of (row, column) of a tensor. */
  private static long at(Tensor tensor, int row, int column) {
    long element = (long) row * tensor.rowStride() + column;
    return HostMemory.address(tensor) + tensor.dtype().bytes() * element;
  }

  /** Room for the float32 sums of the gradients of keys or values, (keys, D). */
  private static MemorySegment sum(Place at, int slot) {
    return products(at).room(slot, (long) at.keys() * at.D() * Float.BYTES);
  }

  @Override
  void begin(Place at) {
    if (at.call().gradients() != null && at.first()) {
      sum(at, D_KEYS).fill((byte) 0);
      sum(at, D_VALUES).fill((byte) 0);
    }
  }

  @Override
  float[] scores(Place at, int t, int queries, int length) {
    Heads in = at.call().in();
    return product(at, in.k(), in.q(), t, queries, length, SCORES);
  }

  @Override
  float[] dProbabilities(Place at, int t, int queries, int length) {
    return product(at, at.call().in().v(), at.call().dOut(), t, queries, length, D_SCORES);
  }

  /** (length, D) @ (D, queries) -> (length, WIDTH), of keys or values and a block's rows. */
  private static float[] product(
      Place at, Tensor left, Tensor rows, int t, int queries, int length, int slot) {
    MemorySegment wide = products(at).room(WIDE, (long) length * WIDTH * Float.BYTES);
    products(at)
        .run(
            new MatMul(length, queries, at.D(), false, true, false),
            at(left, at.keyRow(), at.keyColumn()),
            left.rowStride(),
            at(rows, at.row(t), at.column()),
            rows.rowStride(),
            wide.address(),
            WIDTH,
            DType.FLOAT32);
    float[] c = at.staging().array(slot, length * WIDTH);
    MemorySegment.copy(wide, JAVA_FLOAT, 0, c, 0, length * WIDTH);
    return c;
  }

  @Override
  void output(Place at, int t, int queries, int length, float[] p) {
    round(at, p, length);
    writeRows(at, t, queries, length, at.call().in().v(), at.call().out());
  }

  /** Rounds a block's (length, WIDTH) numbers, for the products that come next. */
  private static void round(Place at, float[] from, int length) {
    MemorySegment rounded = products(at).room(ROUNDED, (long) length * WIDTH * Short.BYTES);
    Bfloat16.round(WarmUp.isProcessRoundedReady(), from, 0, rounded, 0, length * WIDTH);
  }

  private static long rounded(Place at) {
    return products(at).room(ROUNDED, 1).address();
  }

  /** Writes roundedᵀ @ keys or values, (queries, length) @ (length, D), to a block's rows. */
  private static void writeRows(Place at, int t, int queries, int length, Tensor right, Tensor to) {
    products(at)
        .run(
            new MatMul(queries, at.D(), length, true, false, false),
            rounded(at),
            WIDTH,
            at(right, at.keyRow(), at.keyColumn()),
            right.rowStride(),
            at(to, at.row(t), at.column()),
            to.rowStride(),
            to.dtype());
  }

  @Override
  void gradients(Place at, int t, int queries, int length, float[] p, float[] dScores) {
    Heads in = at.call().in();
    round(at, p, length);
    addRows(at, t, queries, length, at.call().dOut(), D_VALUES);
    round(at, dScores, length);
    addRows(at, t, queries, length, in.q(), D_KEYS);
    writeRows(at, t, queries, length, in.k(), at.call().gradients().q());
  }

  /** rounded @ rows: (length, queries) @ (queries, D), added to a sum of (length, D). */
  private static void addRows(Place at, int t, int queries, int length, Tensor right, int slot) {
    products(at)
        .run(
            new MatMul(length, at.D(), queries, false, false, true),
            rounded(at),
            WIDTH,
            at(right, at.row(t), at.column()),
            right.rowStride(),
            sum(at, slot).address(),
            at.D(),
            DType.FLOAT32);
  }

  @Override
  void end(Place at) {
    writeKeys(at, D_KEYS, at.call().gradients().k());
    writeKeys(at, D_VALUES, at.call().gradients().v());
  }

  private static void writeKeys(Place at, int slot, Tensor to) {
    int length = at.keys() * at.D();
    float[] staged = at.staging().array(OWN, length);
    MemorySegment.copy(sum(at, slot), JAVA_FLOAT, 0, staged, 0, length);
    Staging.write(staged, to, at.keyColumn(), at.D(), at.keyRow(), at.keys());
  }
}
