package org.pygpt.kernels.cpu;

import java.util.List;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Attention, divided among the team by sequences and heads of keys; see {@link
 * org.pygpt.kernels.Kernels#attention}.
 *
 * @param D head size
 * @param dOut null for forward, as are the gradients
 */
record AttentionKernel(
    Workers workers,
    AttentionSpec spec,
    int D,
    Heads in,
    DropoutMask mask,
    Tensor out,
    Tensor logsumexp,
    Tensor dOut,
    Heads gradients)
    implements Team.Task {
  /** From this size of a head's queries, queries * D, native products are faster than our own. */
  private static final int NATIVE_FROM = 64 * 48;

  /** Likewise for a single query, of the size of its keys. */
  private static final int ONE_NATIVE_FROM = 64 * 16;

  /** Products of (queries, D) with (D, keys) that take as long as all of a head's work. */
  private static final int PRODUCTS = 4;

  private static final NativeHead NATIVE = new NativeHead();
  private static final Bfloat16Head BFLOAT16 = new Bfloat16Head();
  private static final SmallHead SMALL = new SmallHead();

  /** Computes all heads. */
  void run() {
    if (!isNative()) {
      workers.count(work());
    }
    workers.run(this, units(), 1, work());
  }

  /** Computes all heads of several calls, divided among the team as those of one are. */
  static void run(Workers workers, List<AttentionKernel> calls) {
    int units = 0;
    long work = 0;
    for (AttentionKernel call : calls) {
      units += call.units();
      work += call.work();
      if (!call.isNative()) {
        workers.count(call.work());
      }
    }
    workers.run(new All(calls), units, 1, work);
  }

  /** The heads of several calls, one call's after another's. */
  private record All(List<AttentionKernel> calls) implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      int first = 0; // unit of the call
      for (AttentionKernel call : calls) {
        int end = first + call.units();
        if (from < end && first < to) {
          call.run(worker, Math.max(from, first) - first, Math.min(to, end) - first);
        }
        first = end;
      }
    }
  }

  private int units() {
    return spec.B() * spec.kvHeads();
  }

  private long work() {
    return PRODUCTS * D * ((long) spec.B() * spec.H() * spec.queries() * spec.keys());
  }

  private boolean isOneQuery() {
    return spec.queries() == 1 && mask == null && dOut == null;
  }

  private boolean isNative() {
    return isOneQuery()
        ? (long) spec.keys() * D >= ONE_NATIVE_FROM
        : spec.queries() * D >= NATIVE_FROM;
  }

  /** The same call on keys and values of one head, of the only sequence, as float32. */
  private AttentionKernel widened(Staging staging, int g) {
    boolean vectors = workers.roundedVectors();
    Tensor k = Int8HeadsKernel.widen(vectors, staging, 0, D, in.k(), g);
    Tensor v = Int8HeadsKernel.widen(vectors, staging, 1, D, in.v(), g);
    Heads wide = new Heads(in.q(), k, v);
    return new AttentionKernel(workers, spec, D, wide, mask, out, logsumexp, null, null);
  }

  @Override
  public void run(int worker, int from, int to) {
    boolean vectors = workers.vectors();
    Staging staging = workers.staging(worker);
    AttentionHead wide = in.q().dtype() == DType.BFLOAT16 ? BFLOAT16 : NATIVE;
    AttentionHead head = isNative() ? wide : SMALL;
    int group = spec.H() / spec.kvHeads();
    for (int unit = from; unit < to; unit++) {
      int b = unit / spec.kvHeads();
      int g = unit % spec.kvHeads();
      AttentionKernel call = in.k().dtype() == DType.INT8 ? widened(staging, g) : this;
      for (int h = g * group; h < (g + 1) * group; h++) {
        AttentionHead.Place place =
            new AttentionHead.Place(call, vectors, staging, b, h, g, h == g * group);
        if (dOut != null) {
          head.backward(place);
        } else if (isOneQuery()) {
          head.forwardOne(place);
        } else {
          head.forward(place);
        }
      }
    }
  }
}
