package org.pygpt.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch memory): attention, forward and backward, by the kernels of attention_mma.cu
 * where numbers are bfloat16 and heads have up to 128 columns, else by those of attention.cu.
 */
final class CudaAttention implements AutoCloseable {
  private static final int THREADS = 256; // of a block of the kernels for wide heads
  private static final int THREADS_OF_ONE = 512; // of a block of attention_one

  private final CudaDevice device;
  private final Launch launch;
  private final Scratch delta;
  private final Scratch slopes;
  private final Scratch lengths;
  private final Scratch probabilities; // of heads too wide for tiles
  private final Scratch scoreGradients; // likewise
  private int slopeHeads; // what slopes are of
  private double slopeScale;
  private int[] written = {}; // what lengths has
  private final Set<Function> allowed = EnumSet.noneOf(Function.class);

  CudaAttention(CudaDevice device, Launch launch) {
    this.device = device;
    this.launch = launch;
    delta = new Scratch(device);
    slopes = new Scratch(device);
    lengths = new Scratch(device);
    probabilities = new Scratch(device);
    scoreGradients = new Scratch(device);
  }

  /** The kernels for heads of up to so many columns, and how many rows a block of them has. */
  private enum Size {
    TENSOR_CORES_64(
        64,
        64,
        Function.ATTENTION_MMA_64,
        Function.ATTENTION_MMA_DQ_64,
        Function.ATTENTION_MMA_DKV_64),
    TENSOR_CORES_128(
        128,
        64,
        Function.ATTENTION_MMA_128,
        Function.ATTENTION_MMA_DQ_128,
        Function.ATTENTION_MMA_DKV_128),
    NARROW(64, 32, Function.ATTENTION_64, Function.ATTENTION_DQ_64, Function.ATTENTION_DKV_64),
    MIDDLE(128, 32, Function.ATTENTION_128, Function.ATTENTION_DQ_128, Function.ATTENTION_DKV_128),
    WIDE(256, 16, Function.ATTENTION_256, Function.ATTENTION_DQ_256, Function.ATTENTION_DKV_256);

    private static final Size[] ALL = values(); // which copies them each time

    private final int columns;
    private final int rows;
    private final Function forward;
    private final Function queries;
    private final Function keys;

    Size(int columns, int rows, Function forward, Function queries, Function keys) {
      this.columns = columns;
      this.rows = rows;
      this.forward = forward;
      this.queries = queries;
      this.keys = keys;
    }

    /**
     * The size for heads of D columns.
     *
     * @param sharedBytes what a block may have
     * @return null where they are too wide for tiles
     */
    static Size of(int D, boolean onTensorCores, int sharedBytes) {
      for (Size size : ALL) {
        boolean fits = D <= size.columns && size.sharedBytes(4, 2, D) <= sharedBytes;
        if (fits && (onTensorCores || !size.isOnTensorCores())) {
          return size;
        }
      }
      return null;
    }

    boolean isOnTensorCores() {
      return this == TENSOR_CORES_64 || this == TENSOR_CORES_128;
    }

    /** Bytes of shared memory for so many tiles of rows and of weights, of D columns. */
    int sharedBytes(int tiles, int weights, int D) {
      if (isOnTensorCores()) { // tiles of bfloat16, 192 rows in all, and two numbers a query
        return 2 * 3 * rows * (columns + 8) + 256;
      }
      return 4 * (tiles * rows * (D + 1) + weights * rows * (rows + 1) + 2 * rows);
    }
  }

  private Size size(Heads in, int D) {
    boolean onTensorCores = in.q().dtype() == DType.BFLOAT16 && device.multipliesBfloat16();
    return Size.of(D, onTensorCores, device.sharedBytes());
  }

  void forward(AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    int D = in.q().columns() / spec.H();
    Size size = size(in, D);
    if (spec.queries() == 1 && mask == null && size != null) {
      launch.of(Function.ATTENTION_ONE);
      arguments(spec, in, null, out, logsumexp, D);
      backwardArguments(null, null, 0);
      launch.run(1, spec.H(), spec.B(), THREADS_OF_ONE, 1, 0);
      return;
    }
    launch.of(size == null ? Function.ATTENTION_WIDE : size.forward);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(null, null, 0);
    if (size == null) {
      launch.add(probabilities.address(pairBytes(spec)));
      launch.run(spec.queries(), spec.H(), spec.B(), THREADS, 1, 0);
      return;
    }
    start(size, size.forward, spec.queries(), spec.H(), spec.B(), 3, 1, D);
  }

  void backward(
      AttentionSpec spec,
      Heads in,
      DropoutMask mask,
      Tensor out,
      Tensor logsumexp,
      Tensor dOut,
      Heads gradients) {
    int D = in.q().columns() / spec.H();
    Size size = size(in, D);
    long rows = (long) spec.B() * spec.queries();
    long deltas = delta.address(Float.BYTES * rows * spec.H());
    launch.of(Function.ATTENTION_DELTA).add((int) rows).add(spec.H());
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    launch.warpARow(rows * spec.H());
    launch.of(size == null ? Function.ATTENTION_DQ_WIDE : size.queries);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    if (size == null) {
      long p = probabilities.address(pairBytes(spec));
      long d = scoreGradients.address(pairBytes(spec));
      launch.add(p).add(d).run(spec.queries(), spec.H(), spec.B(), THREADS, 1, 0);
      launch.of(Function.ATTENTION_DKV_WIDE);
      arguments(spec, in, mask, out, logsumexp, D);
      backwardArguments(dOut, gradients, deltas);
      launch.add(p).add(d).run(spec.keys(), spec.kvHeads(), spec.B(), THREADS, 1, 0);
      return;
    }
    start(size, size.queries, spec.queries(), spec.H(), spec.B(), 4, 1, D);
    launch.of(size.keys);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    start(size, size.keys, spec.keys(), spec.kvHeads(), spec.B(), 4, 2, D);
  }

  /** Bytes of a number for each pair of a query and a key, over all heads. */
  private static long pairBytes(AttentionSpec spec) {
    return (long) Float.BYTES * spec.B() * spec.H() * spec.queries() * spec.keys();
  }

  /** The structure Attention up to what backward alone has. */
  private void arguments(
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp, int D) {
    launch
        .structure()
        .append((long) spec.queries())
        .append((long) spec.keys())
        .append((long) D)
        .append(spec.causal() ? 1L : 0L)
        .append((long) spec.scores().window())
        .append((long) (spec.H() / spec.kvHeads()))
        .append(spec.scores().scale(D))
        .append(spec.scores().cap())
        .append(slopes(spec))
        .append(lengths(spec))
        .append(mask == null ? 0L : 1L)
        .append(mask == null ? 0L : mask.key() & 0xffffffffL)
        .append(mask == null ? 0L : mask.threshold() & 0xffffffffL)
        .append(mask == null ? 0.0 : mask.scale())
        .append(in.q())
        .append(in.k())
        .append(in.v())
        .append(out)
        .appendStrided(logsumexp);
  }

  private void backwardArguments(Tensor dOut, Heads gradients, long deltas) {
    launch
        .append(dOut)
        .append(deltas)
        .append(gradients == null ? null : gradients.q())
        .append(gradients == null ? null : gradients.k())
        .append(gradients == null ? null : gradients.v());
  }

  /** The address of the heads' slopes of ALiBi; 0 without. */
  private long slopes(AttentionSpec spec) {
    if (spec.scores().alibi() == 0) {
      return 0;
    }
    if (spec.H() != slopeHeads || spec.scores().alibi() != slopeScale) {
      slopeHeads = spec.H();
      slopeScale = spec.scores().alibi();
      double[] values = new double[slopeHeads];
      Arrays.setAll(values, h -> spec.scores().slope(h, spec.H()));
      slopes.of(DType.FLOAT32, slopeHeads).writeRow(0, values);
    }
    return slopes.address((long) Float.BYTES * slopeHeads);
  }

  /** The address of the sequences' lengths; 0 where no key is padding. */
  private long lengths(AttentionSpec spec) {
    if (spec.causal() || spec.lengths() == null) {
      return 0;
    }
    int B = spec.B();
    if (!Arrays.equals(written, 0, written.length, spec.lengths(), 0, B)) { // or for another layer
      written = Arrays.copyOf(spec.lengths(), B);
      lengths.of(DType.INT32, B).write(0, MemorySegment.ofArray(written));
    }
    return lengths.address((long) Integer.BYTES * B);
  }

  private void start(
      Size size, Function function, int rows, int heads, int B, int tiles, int weights, int D) {
    if (allowed.add(function)) {
      int most = size.sharedBytes(4, 2, size.columns);
      device.allowShared(function, Math.min(most, device.sharedBytes()));
    }
    int threads = size.isOnTensorCores() ? 128 : 8;
    int blocks = Math.ceilDiv(rows, size.rows);
    int bytes = size.sharedBytes(tiles, weights, D);
    launch.run(blocks, heads, B, threads, size.isOnTensorCores() ? 1 : size.rows, bytes);
  }

  @Override
  public void close() {
    delta.close();
    slopes.close();
    lengths.close();
    probabilities.close();
    scoreGradients.close();
  }
}
