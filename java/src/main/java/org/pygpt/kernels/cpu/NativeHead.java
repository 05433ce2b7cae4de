package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
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
  private final float[] logSums = new float[WIDTH];

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
    int T = task.T;
    int D = task.D;
    if (T == 1 && task.mask == null) {
      forwardOne(task, staging, b, h, g);
      return;
    }
    boolean vectors = Simd.ready();
    for (int t = 0; t < T; t += WIDTH) {
      int queries = Math.min(WIDTH, T - t);
      int visible = task.past + t + 1;
      int length = visible + queries - 1;
      float[] p = scores(task, b, h, g, t, queries, length);
      SoftmaxMath.mask(p, WIDTH, length, visible);
      SoftmaxMath.forward(vectors, p, WIDTH, length, queries, task.scale, logSums);
      if (task.mask != null) {
        long head = (long) b * task.H + h;
        SoftmaxMath.drop(task.mask, p, WIDTH, length, queries, head, t, T);
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
          at(task.v, b * T, g * D),
          task.v.rowStride(),
          false,
          segment(task.out, b * T + t, h * D),
          task.out.rowStride());
      if (task.logSums != null) {
        Staging.write(logSums, task.logSums, t, queries, b * task.H + h, 1);
      }
    }
  }

  /** A single query, as a step of generation has it. */
  private void forwardOne(AttentionTask task, Staging staging, int b, int h, int g) {
    int D = task.D;
    int length = task.past + 1;
    boolean vectors = Simd.ready();
    float[] p = scores.array(length);
    long keys = at(task.k, b, g * D);
    MemorySegment query = segment(task.q, b, h * D);
    OpenBlas.rowProducts(length, D, task.scale, keys, task.k.rowStride(), query, scores.segment);
    float max = ElementMath.max(vectors, p, length);
    float sum = ElementMath.expAndSum(vectors, p, length, max, staging.lanes());
    ElementMath.scale(vectors, p, length, 1 / sum);
    long values = at(task.v, b, g * D);
    MemorySegment out = segment(task.out, b, h * D);
    OpenBlas.sumOfRows(length, D, values, task.v.rowStride(), scores.segment, out);
    if (task.logSums != null) {
      logSums[0] = max + (float) Math.log(sum);
      Staging.write(logSums, task.logSums, 0, 1, b * task.H + h, 1);
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
        segment(task.k, b * task.T, g * task.D),
        task.k.rowStride(),
        at(task.q, b * task.T + t, h * task.D),
        task.q.rowStride(),
        false,
        scores.segment,
        WIDTH);
    return array;
  }

  @Override
  public void backward(AttentionTask task, Staging staging, int b, int h, int g, boolean first) {
    int T = task.T;
    int D = task.D;
    boolean vectors = Simd.ready();
    if (first) {
      task.dK.rows(b * T, T).columns(g * D, D).zero();
      task.dV.rows(b * T, T).columns(g * D, D).zero();
    }
    for (int t = 0; t < T; t += WIDTH) {
      int queries = Math.min(WIDTH, T - t);
      int length = t + queries;
      float[] p = scores(task, b, h, g, t, queries, length);
      SoftmaxMath.mask(p, WIDTH, length, t + 1);
      float[] d = dScores.array(length * WIDTH);
      long dOut = at(task.dOut, b * T + t, h * D);
      long dOutStride = task.dOut.rowStride();
      // (length, D) @ (D, queries) -> (length, queries)
      NativeGemm.multiplyOnHeap(
          false,
          true,
          length,
          queries,
          D,
          segment(task.v, b * T, g * D),
          task.v.rowStride(),
          dOut,
          dOutStride,
          false,
          dScores.segment,
          WIDTH);
      long head = (long) b * task.H + h;
      if (task.mask != null) {
        SoftmaxMath.drop(task.mask, d, WIDTH, length, queries, head, t, T);
      }
      System.arraycopy(
          staging.read(0, task.logSums, t, queries, b * task.H + h, 1), 0, logSums, 0, queries);
      SoftmaxMath.backward(vectors, p, d, WIDTH, length, queries, task.scale, logSums);
      Scratch kept = scores;
      if (task.mask != null) {
        kept = dropped;
        System.arraycopy(p, 0, dropped.array(length * WIDTH), 0, length * WIDTH);
        SoftmaxMath.drop(task.mask, dropped.array, WIDTH, length, queries, head, t, T);
      }
      addProduct(kept, dOut, dOutStride, task.dV, b * T, g * D, length, D, queries);
      long query = at(task.q, b * T + t, h * D);
      long stride = task.q.rowStride();
      addProduct(dScores, query, stride, task.dK, b * T, g * D, length, D, queries);
      // (queries, length) @ (length, D) -> (queries, D)
      NativeGemm.multiplyOnHeap(
          true,
          false,
          queries,
          D,
          length,
          dScores.segment,
          WIDTH,
          at(task.k, b * T, g * D),
          task.k.rowStride(),
          false,
          segment(task.dQ, b * T + t, h * D),
          task.dQ.rowStride());
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
