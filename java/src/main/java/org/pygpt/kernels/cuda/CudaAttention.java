package org.pygpt.kernels.cuda;

import static org.pygpt.kernels.cuda.CudaMemory.address;

import java.util.EnumSet;
import java.util.Set;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/** Mutable (scratch memory): attention by the kernels of attention.cu, forward and backward. */
final class CudaAttention implements AutoCloseable {
  private static final int THREADS = 256; // of a block of the kernels for wide heads

  private final CudaDevice device;
  private final Launch launch;
  private final Scratch delta;
  private final Scratch slopes;
  private final Scratch probabilities; // of heads too wide for tiles
  private final Scratch scoreGradients; // likewise
  private final Set<Function> allowed = EnumSet.noneOf(Function.class);

  CudaAttention(CudaDevice device, Launch launch) {
    this.device = device;
    this.launch = launch;
    delta = new Scratch(device);
    slopes = new Scratch(device);
    probabilities = new Scratch(device);
    scoreGradients = new Scratch(device);
  }

  /** The kernels for heads of up to so many columns, and the side of their tiles. */
  private enum Size {
    NARROW(64, 32, Function.ATTENTION_64, Function.ATTENTION_DQ_64, Function.ATTENTION_DKV_64),
    MIDDLE(128, 32, Function.ATTENTION_128, Function.ATTENTION_DQ_128, Function.ATTENTION_DKV_128),
    WIDE(256, 16, Function.ATTENTION_256, Function.ATTENTION_DQ_256, Function.ATTENTION_DKV_256);

    private final int columns;
    private final int tile;
    private final Function forward;
    private final Function queries;
    private final Function keys;

    Size(int columns, int tile, Function forward, Function queries, Function keys) {
      this.columns = columns;
      this.tile = tile;
      this.forward = forward;
      this.queries = queries;
      this.keys = keys;
    }

    /** The size for heads of D columns; null where they are too wide for tiles. */
    static Size of(int D) {
      for (Size size : values()) {
        if (D <= size.columns) {
          return size;
        }
      }
      return null;
    }
  }

  void forward(AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    int D = in.q().columns() / spec.H();
    Size size = Size.of(D);
    launch.of(size == null ? Function.ATTENTION_WIDE : size.forward);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(null, null, 0);
    if (size == null) {
      launch.address(probabilities.of(DType.FLOAT32, pairs(spec)));
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
    Size size = Size.of(D);
    long rows = (long) spec.B() * spec.queries();
    long deltas = address(delta.of(DType.FLOAT32, rows * spec.H()));
    launch.of(Function.ATTENTION_DELTA).add((int) rows).add(spec.H());
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    launch.warpARow(rows * spec.H());
    launch.of(size == null ? Function.ATTENTION_DQ_WIDE : size.queries);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    if (size == null) {
      Tensor p = probabilities.of(DType.FLOAT32, pairs(spec));
      Tensor d = scoreGradients.of(DType.FLOAT32, pairs(spec));
      launch.address(p).address(d).run(spec.queries(), spec.H(), spec.B(), THREADS, 1, 0);
      launch.of(Function.ATTENTION_DKV_WIDE);
      arguments(spec, in, mask, out, logsumexp, D);
      backwardArguments(dOut, gradients, deltas);
      launch.address(p).address(d).run(spec.keys(), spec.kvHeads(), spec.B(), THREADS, 1, 0);
      return;
    }
    start(size, size.queries, spec.queries(), spec.H(), spec.B(), 4, 1, D);
    launch.of(size.keys);
    arguments(spec, in, mask, out, logsumexp, D);
    backwardArguments(dOut, gradients, deltas);
    start(size, size.keys, spec.keys(), spec.kvHeads(), spec.B(), 4, 2, D);
  }

  /** Pairs of a query and a key, over all heads. */
  private static long pairs(AttentionSpec spec) {
    return (long) spec.B() * spec.H() * spec.queries() * spec.keys();
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
        .append(mask == null ? 0L : 1L)
        .append(mask == null ? 0L : mask.key() & 0xffffffffL)
        .append(mask == null ? 0L : mask.threshold() & 0xffffffffL)
        .append(mask == null ? 0.0 : mask.scale())
        .append(in.q())
        .append(in.k())
        .append(in.v())
        .append(out)
        .append(logsumexp);
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
    double[] values = new double[spec.H()];
    for (int h = 0; h < values.length; h++) {
      values[h] = spec.scores().slope(h, spec.H());
    }
    Tensor row = slopes.of(DType.FLOAT32, values.length);
    row.writeRow(0, values);
    return address(row);
  }

  private void start(
      Size size, Function function, int rows, int heads, int B, int tiles, int weights, int D) {
    int floats =
        tiles * size.tile * (D + 1) + weights * size.tile * (size.tile + 1) + 2 * size.tile;
    int most =
        4 * (4 * size.tile * (size.columns + 1) + 2 * size.tile * (size.tile + 1) + 2 * size.tile);
    if (allowed.add(function)) {
      device.allowShared(function, most);
    }
    launch.run(Math.ceilDiv(rows, size.tile), heads, B, 8, size.tile, 4 * floats);
  }

  @Override
  public void close() {
    delta.close();
    slopes.close();
    probabilities.close();
    scoreGradients.close();
  }
}
