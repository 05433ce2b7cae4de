package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.pygpt.kernels.NegativeSampling;

/**
 * word2vec's step by vectors, or by plain loops with the same bits where a run is too short for C2
 * to pay. Rows are whole vectors, so that no loop has an end of its own.
 */
public final class CpuNegativeSampling implements NegativeSampling {
  /** Calls after which C2 has compiled the loops, on any machine. */
  private static final int WARM_UP_CALLS = 20_000;

  private static final int[] IDS = {0, 1, 3, 1};

  /**
   * The index in an array at which a cache line begins, in a HotSpot whose large arrays begin with
   * one: the numbers come 16 bytes later. A vector that lies across two lines takes twice as long.
   */
  public static final int ALIGNED = (64 - 16) / Float.BYTES;

  private static volatile boolean isWarm;

  private final int width;
  private final int first;
  private final boolean vectors;
  private final float[] lanes = new float[2 * LANES];

  /**
   * A kernel for vectors of this size.
   *
   * @param vectors whether to use the vector bodies; see {@link #warmUp}
   */
  public CpuNegativeSampling(int size, boolean vectors) {
    this(size, vectors, 0);
  }

  /**
   * A kernel whose rows begin later.
   *
   * @param first where row 0 begins; see {@link #ALIGNED}
   */
  public CpuNegativeSampling(int size, boolean vectors, int first) {
    this.first = first;
    width = Math.multiplyExact(Math.ceilDiv(size, LANES), LANES);
    this.vectors = vectors;
  }

  /** Has the vector bodies compiled, which takes some tenths of a second the first time. */
  public static synchronized void warmUp() {
    if (isWarm) {
      return;
    }
    int size = 4 * LANES;
    var kernel = new CpuNegativeSampling(size, true);
    float[] rows = new float[4 * size];
    float[] gradient = new float[size];
    int[] targets = {1, 2, 4, 4}; // a pair, then one and another of one row
    for (int call = 0; call < WARM_UP_CALLS; call++) {
      kernel.step(rows, 0, rows, targets, 0, 4, 0, gradient, 0);
      kernel.add(gradient, 0, rows, size, size);
      kernel.mean(rows, IDS, 0, 4, 0, gradient, 0, size);
      kernel.addToAll(gradient, 0, rows, IDS, 0, 4, 0, size);
    }
    isWarm = true;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public int row(int id) {
    return first + id * width;
  }

  @Override
  public void step(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at) {
    Arrays.fill(gradient, at, at + width, 0);
    if (vectors) {
      vectors(inputs, input, outputs, targets, from, to, rate, gradient, at);
    } else {
      plainStep(inputs, input, outputs, targets, from, to, rate, gradient, at);
    }
  }

  private void vectors(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at) {
    int t = from;
    while (t < to) {
      boolean two = t + 1 < to && targets[t] >>> 1 != targets[t + 1] >>> 1;
      if (two) {
        vectorTwo(inputs, input, outputs, targets, t, rate, gradient, at, first, width, lanes);
      } else {
        vectorOne(inputs, input, outputs, targets, t, rate, gradient, at, first, width, lanes);
      }
      t += two ? 2 : 1;
    }
  }

  private static void vectorOne(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int t,
      float rate,
      float[] gradient,
      int at,
      int first,
      int width,
      float[] lanes) {
    int output = first + (targets[t] >>> 1) * width;
    FloatVector products = load(inputs, input).mul(load(outputs, output));
    for (int i = LANES; i < width; i += LANES) {
      products = load(inputs, input + i).fma(load(outputs, output + i), products);
    }
    products.intoArray(lanes, 0);
    float g = rate * ((targets[t] & 1) - VectorMath.sigmoid(sum(lanes, 0)));
    FloatVector factor = VectorMath.broadcast(g);
    for (int i = 0; i < width; i += LANES) {
      FloatVector y = load(outputs, output + i);
      y.fma(factor, load(gradient, at + i)).intoArray(gradient, at + i);
      load(inputs, input + i).fma(factor, y).intoArray(outputs, output + i);
    }
  }

  /** Two targets of different rows, with the bits of one after the other and fewer loads. */
  private static void vectorTwo(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int t,
      float rate,
      float[] gradient,
      int at,
      int first,
      int width,
      float[] lanes) {
    int one = first + (targets[t] >>> 1) * width;
    int other = first + (targets[t + 1] >>> 1) * width;
    FloatVector x = load(inputs, input);
    FloatVector p = x.mul(load(outputs, one));
    FloatVector q = x.mul(load(outputs, other));
    for (int i = LANES; i < width; i += LANES) {
      x = load(inputs, input + i);
      p = x.fma(load(outputs, one + i), p);
      q = x.fma(load(outputs, other + i), q);
    }
    p.intoArray(lanes, 0);
    q.intoArray(lanes, LANES);
    float g = rate * ((targets[t] & 1) - VectorMath.sigmoid(sum(lanes, 0)));
    float h = rate * ((targets[t + 1] & 1) - VectorMath.sigmoid(sum(lanes, LANES)));
    FloatVector u = VectorMath.broadcast(g);
    FloatVector v = VectorMath.broadcast(h);
    for (int i = 0; i < width; i += LANES) {
      x = load(inputs, input + i);
      FloatVector y = load(outputs, one + i);
      FloatVector z = load(outputs, other + i);
      z.fma(v, y.fma(u, load(gradient, at + i))).intoArray(gradient, at + i);
      x.fma(u, y).intoArray(outputs, one + i);
      x.fma(v, z).intoArray(outputs, other + i);
    }
  }

  private void plainStep(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at) {
    for (int t = from; t < to; t++) {
      int output = row(targets[t] >>> 1);
      Arrays.fill(lanes, 0, LANES, 0);
      for (int i = 0; i < width; i++) {
        int lane = i & (LANES - 1);
        lanes[lane] = Math.fma(inputs[input + i], outputs[output + i], lanes[lane]);
      }
      float g = rate * ((targets[t] & 1) - VectorMath.sigmoid(sum(lanes, 0)));
      for (int i = 0; i < width; i++) {
        float y = outputs[output + i];
        gradient[at + i] = Math.fma(y, g, gradient[at + i]);
        outputs[output + i] = Math.fma(inputs[input + i], g, y);
      }
    }
  }

  /** The sum of one number for each lane, in a fixed order that has few steps. */
  private static float sum(float[] lanes, int at) {
    float a = lanes[at];
    float b = lanes[at + 1];
    float c = lanes[at + 2];
    float d = lanes[at + 3];
    for (int lane = at + 4; lane < at + LANES; lane += 4) {
      a += lanes[lane];
      b += lanes[lane + 1];
      c += lanes[lane + 2];
      d += lanes[lane + 3];
    }
    return (a + b) + (c + d);
  }

  @Override
  public void add(float[] from, int i, float[] to, int j, int n) {
    VectorMath.add(vectors, from, i, to, j, n);
  }

  @Override
  public void mean(
      float[] rows, int[] ids, int from, int to, int column, float[] out, int at, int n) {
    float share = 1f / (to - from);
    if (vectors) {
      vectorMean(rows, ids, from, to, first + column, out, at, n, width, share);
      return;
    }
    for (int c = 0; c < n; c++) {
      float sum = rows[row(ids[from]) + column + c];
      for (int i = from + 1; i < to; i++) {
        sum += rows[row(ids[i]) + column + c];
      }
      out[at + c] = sum * share;
    }
  }

  private static void vectorMean(
      float[] rows,
      int[] ids,
      int from,
      int to,
      int begin,
      float[] out,
      int at,
      int n,
      int width,
      float share) {
    for (int c = 0; c < n; c += LANES) {
      FloatVector sum = load(rows, ids[from] * width + begin + c);
      for (int i = from + 1; i < to; i++) {
        sum = sum.add(load(rows, ids[i] * width + begin + c));
      }
      sum.mul(share).intoArray(out, at + c);
    }
  }

  @Override
  public void addToAll(
      float[] gradient, int at, float[] rows, int[] ids, int from, int to, int column, int n) {
    if (vectors) {
      vectorAddToAll(gradient, at, rows, ids, from, to, first + column, n, width);
      return;
    }
    for (int i = from; i < to; i++) {
      add(gradient, at, rows, row(ids[i]) + column, n);
    }
  }

  private static void vectorAddToAll(
      float[] gradient,
      int at,
      float[] rows,
      int[] ids,
      int from,
      int to,
      int begin,
      int n,
      int width) {
    for (int c = 0; c < n; c += LANES) {
      FloatVector added = load(gradient, at + c);
      for (int i = from; i < to; i++) {
        int row = ids[i] * width + begin + c;
        load(rows, row).add(added).intoArray(rows, row);
      }
    }
  }

  @Override
  public int column(int index, int parts) {
    return (int) ((long) (width / LANES) * index / parts) * LANES;
  }
}
