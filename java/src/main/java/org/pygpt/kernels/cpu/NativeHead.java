package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A long head, with native products that read queries, keys and values where they lie; only a
 * block's scores are in scratch space.
 */
final class NativeHead extends AttentionHead {
  /** Queries of a block: (keys, block) scores of 1,000 keys stay in the second-level cache. */
  private static final int WIDTH = 64;

  NativeHead() {
    super(WIDTH);
  }

  /** Address of (row, column) of a tensor. */
  private static long at(Tensor tensor, int row, int column) {
    return HostMemory.address(tensor) + 4L * ((long) row * tensor.rowStride() + column);
  }

  private static MemorySegment segment(Tensor tensor, int row, int column) {
    return MemorySegment.ofAddress(at(tensor, row, column));
  }

  @Override
  void begin(Place at) {
    Heads gradients = at.call().gradients();
    if (gradients != null && at.first()) {
      gradients.k().rows(at.keyRow(), at.keys()).columns(at.keyColumn(), at.D()).zero();
      gradients.v().rows(at.keyRow(), at.keys()).columns(at.keyColumn(), at.D()).zero();
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
    float[] c = at.staging().array(slot, length * WIDTH);
    NativeGemm.multiply(
        new MatMul(length, queries, at.D(), false, true, false),
        segment(left, at.keyRow(), at.keyColumn()),
        left.rowStride(),
        at(rows, at.row(t), at.column()),
        rows.rowStride(),
        MemorySegment.ofArray(c),
        WIDTH);
    return c;
  }

  @Override
  void output(Place at, int t, int queries, int length, float[] p) {
    writeRows(at, t, queries, length, p, at.call().in().v(), at.call().out());
  }

  /** Writes pᵀ @ keys or values, (queries, length) @ (length, D), to a block's rows. */
  private static void writeRows(
      Place at, int t, int queries, int length, float[] p, Tensor right, Tensor to) {
    NativeGemm.multiply(
        new MatMul(queries, at.D(), length, true, false, false),
        MemorySegment.ofArray(p),
        WIDTH,
        at(right, at.keyRow(), at.keyColumn()),
        right.rowStride(),
        segment(to, at.row(t), at.column()),
        to.rowStride());
  }

  @Override
  void gradients(Place at, int t, int queries, int length, float[] p, float[] dScores) {
    Heads in = at.call().in();
    Heads gradients = at.call().gradients();
    addRows(at, t, queries, length, p, at.call().dOut(), gradients.v());
    addRows(at, t, queries, length, dScores, in.q(), gradients.k());
    writeRows(at, t, queries, length, dScores, in.k(), gradients.q());
  }

  /** (length, queries) @ (queries, D), added to (length, D). */
  private static void addRows(
      Place at, int t, int queries, int length, float[] left, Tensor right, Tensor sum) {
    NativeGemm.multiply(
        new MatMul(length, at.D(), queries, false, false, true),
        MemorySegment.ofArray(left),
        WIDTH,
        at(right, at.row(t), at.column()),
        right.rowStride(),
        segment(sum, at.keyRow(), at.keyColumn()),
        sum.rowStride());
  }

  @Override
  void end(Place at) {}

  @Override
  void forwardOne(Place at) {
    Tensor k = at.call().in().k();
    Tensor v = at.call().in().v();
    int length = at.call().spec().visible(at.b(), 0);
    float[] p = at.staging().array(SCORES, length);
    AttentionCode code = AttentionCode.of(at.D());
    long keys = at(k, at.keyRow(), at.keyColumn());
    long query = at(at.call().in().q(), at.row(0), at.column());
    HostMemory outside = code == null ? null : at.staging().outside(length + 1);
    if (code == null) {
      MemorySegment x = MemorySegment.ofAddress(query);
      OpenBlas.rowProducts(
          length, at.D(), at.scale(), keys, k.rowStride(), x, MemorySegment.ofArray(p));
    } else {
      outside.segment().set(JAVA_FLOAT, 0, at.scale());
      long y = outside.address() + Float.BYTES;
      code.rowProducts(length, outside.address(), keys, k.rowStride(), query, y);
      MemorySegment.copy(outside.segment(), JAVA_FLOAT, Float.BYTES, p, 0, length);
    }
    AttentionSpec spec = at.call().spec();
    if (spec.scores().isShaped()) {
      shape(at, 0, 1, 1, length, 1, p, null);
    }
    Softmax.maskPast(p, spec.first(0));
    float max = VectorMath.max(at.vectors(), p, length);
    float sum = VectorMath.expAndSum(at.vectors(), p, length, max, at.staging().lanes());
    VectorMath.scale(at.vectors(), p, length, 1 / sum);
    long values = at(v, at.keyRow(), at.keyColumn());
    long out = at(at.call().out(), at.row(0), at.column());
    if (code == null) {
      MemorySegment y = MemorySegment.ofAddress(out);
      OpenBlas.sumOfRows(length, at.D(), values, v.rowStride(), MemorySegment.ofArray(p), y);
    } else {
      MemorySegment.copy(p, 0, outside.segment(), JAVA_FLOAT, Float.BYTES, length);
      code.sumOfRows(length, values, v.rowStride(), outside.address() + Float.BYTES, out);
    }
    if (at.call().logsumexp() != null) {
      p[0] = max + (float) Math.log(sum);
      Staging.write(p, at.call().logsumexp(), 0, 1, at.head(), 1);
    }
  }
}
