package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch arrays): attention of one long head, with native products that read queries,
 * keys and values where they lie; only a block's scores are in scratch space.
 */
final class NativeHead implements AttentionTask.Head {
  /** Queries of a block: (keys, block) scores of 1,000 keys stay in the second-level cache. */
  private static final int WIDTH = 64;

  private final Scratch scores = new Scratch();
  private final Scratch dScores = new Scratch();
  private final Scratch dropped = new Scratch();
  private final float[] logsumexp = new float[WIDTH];

  /** Mutable: an array that grows, and the segment that native calls take for it. */
  private static final class Scratch {
    private float[] array = new float[0];
    private MemorySegment segment;

    float[] array(int length) {
      if (array.length < length) {
        array = new float[Math.max(length, 2 * array.length)];
        segment = MemorySegment.ofArray(array);
      }
      return array;
    }
  }

  /** Address of (row, column) of a tensor. */
  private static long at(Tensor tensor, int row, int column) {
    return HostMemory.address(tensor) + 4L * ((long) row * tensor.rowStride() + column);
  }

  private static MemorySegment segment(Tensor tensor, int row, int column) {
    return MemorySegment.ofAddress(at(tensor, row, column));
  }

  @Override
  public void forward(AttentionTask task, Staging staging, int b, int h, int g) {
    AttentionSpec spec = task.spec;
    int D = task.D;
    if (spec.queries() == 1 && task.mask == null) {
      forwardOne(task, staging, b, h, g);
      return;
    }
    boolean vectors = Simd.ready();
    for (int t = 0; t < spec.queries(); t += WIDTH) {
      int queries = Math.min(WIDTH, spec.queries() - t);
      int length = spec.visible(t + queries - 1);
      float[] p = scores(task, b, h, g, t, queries, length);
      SoftmaxMath.mask(p, WIDTH, length, spec.visible(t));
      SoftmaxMath.forward(vectors, p, WIDTH, length, queries, task.scale, logsumexp);
      if (task.mask != null) {
        long head = (long) b * task.spec.H() + h;
        SoftmaxMath.drop(task.mask, task.spec, p, WIDTH, length, head, t);
      }
      // (queries, length) @ (length, D) -> (queries, D)
      NativeGemm.multiplyOnHeap(
          true,
          false,
          queries,
          D,
          length,
          scores.segment,
          WIDTH,
          at(task.v, b * spec.keys(), g * D),
          task.v.rowStride(),
          false,
          segment(task.out, b * spec.queries() + t, h * D),
          task.out.rowStride());
      if (task.logsumexp != null) {
        Staging.write(logsumexp, task.logsumexp, t, queries, b * task.spec.H() + h, 1);
      }
    }
  }

  /** A single query, as a step of generation has it. */
  private void forwardOne(AttentionTask task, Staging staging, int b, int h, int g) {
    int D = task.D;
    int length = task.spec.keys();
    boolean vectors = Simd.ready();
    float[] p = scores.array(length);
    long keys = at(task.k, b * length, g * D);
    MemorySegment query = segment(task.q, b, h * D);
    OpenBlas.rowProducts(length, D, task.scale, keys, task.k.rowStride(), query, scores.segment);
    float max = ElementMath.max(vectors, p, length);
    float sum = ElementMath.expAndSum(vectors, p, length, max, staging.lanes());
    ElementMath.scale(vectors, p, length, 1 / sum);
    long values = at(task.v, b * length, g * D);
    MemorySegment out = segment(task.out, b, h * D);
    OpenBlas.sumOfRows(length, D, values, task.v.rowStride(), scores.segment, out);
    if (task.logsumexp != null) {
      logsumexp[0] = max + (float) Math.log(sum);
      Staging.write(logsumexp, task.logsumexp, 0, 1, b * task.spec.H() + h, 1);
    }
  }

  /** keys . queries, (length, WIDTH). */
  private float[] scores(AttentionTask task, int b, int h, int g, int t, int queries, int length) {
    float[] array = scores.array(length * WIDTH);
    // (length, D) @ (D, queries) -> (length, queries)
    NativeGemm.multiplyOnHeap(
        false,
        true,
        length,
        queries,
        task.D,
        segment(task.k, b * task.spec.keys(), g * task.D),
        task.k.rowStride(),
        at(task.q, b * task.spec.queries() + t, h * task.D),
        task.q.rowStride(),
        false,
        scores.segment,
        WIDTH);
    return array;
  }

  @Override
  public void backward(AttentionTask task, Staging staging, int b, int h, int g, boolean first) {
    AttentionSpec spec = task.spec;
    int D = task.D;
    boolean vectors = Simd.ready();
    if (first) {
      task.gradients.k().rows(b * spec.keys(), spec.keys()).columns(g * D, D).zero();
      task.gradients.v().rows(b * spec.keys(), spec.keys()).columns(g * D, D).zero();
    }
    for (int t = 0; t < spec.queries(); t += WIDTH) {
      int queries = Math.min(WIDTH, spec.queries() - t);
      int length = spec.visible(t + queries - 1);
      float[] p = scores(task, b, h, g, t, queries, length);
      SoftmaxMath.mask(p, WIDTH, length, spec.visible(t));
      float[] d = dScores.array(length * WIDTH);
      long dOut = at(task.dOut, b * spec.queries() + t, h * D);
      long dOutStride = task.dOut.rowStride();
      // (length, D) @ (D, queries) -> (length, queries)
      NativeGemm.multiplyOnHeap(
          false,
          true,
          length,
          queries,
          D,
          segment(task.v, b * spec.keys(), g * D),
          task.v.rowStride(),
          dOut,
          dOutStride,
          false,
          dScores.segment,
          WIDTH);
      long head = (long) b * task.spec.H() + h;
      if (task.mask != null) {
        SoftmaxMath.drop(task.mask, task.spec, d, WIDTH, length, head, t);
      }
      System.arraycopy(
          staging.read(0, task.logsumexp, t, queries, b * task.spec.H() + h, 1),
          0,
          logsumexp,
          0,
          queries);
      SoftmaxMath.backward(vectors, p, d, WIDTH, length, queries, task.scale, logsumexp);
      Scratch kept = scores;
      if (task.mask != null) {
        kept = dropped;
        System.arraycopy(p, 0, dropped.array(length * WIDTH), 0, length * WIDTH);
        SoftmaxMath.drop(task.mask, task.spec, dropped.array, WIDTH, length, head, t);
      }
      addProduct(
          kept, dOut, dOutStride, task.gradients.v(), b * spec.keys(), g * D, length, D, queries);
      long query = at(task.q, b * spec.queries() + t, h * D);
      long stride = task.q.rowStride();
      addProduct(
          dScores, query, stride, task.gradients.k(), b * spec.keys(), g * D, length, D, queries);
      // (queries, length) @ (length, D) -> (queries, D)
      NativeGemm.multiplyOnHeap(
          true,
          false,
          queries,
          D,
          length,
          dScores.segment,
          WIDTH,
          at(task.k, b * spec.keys(), g * D),
          task.k.rowStride(),
          false,
          segment(task.gradients.q(), b * spec.queries() + t, h * D),
          task.gradients.q().rowStride());
    }
  }

  /** (length, queries) @ (queries, D), added to (length, D). */
  private static void addProduct(
      Scratch left,
      long right,
      long rightStride,
      Tensor sum,
      int row,
      int column,
      int length,
      int D,
      int queries) {
    NativeGemm.multiplyOnHeap(
        false,
        false,
        length,
        D,
        queries,
        left.segment,
        WIDTH,
        right,
        rightStride,
        true,
        segment(sum, row, column),
        sum.rowStride());
  }
}
