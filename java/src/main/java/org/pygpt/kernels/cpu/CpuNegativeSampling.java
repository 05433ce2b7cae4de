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

  private static volatile boolean isWarm;

  private final int width;
  private final boolean vectors;
  private final float[] lanes = new float[LANES];

  /**
   * A kernel for vectors of this size.
   *
   * @param vectors whether to use the vector bodies; see {@link #warmUp}
   */
  public CpuNegativeSampling(int size, boolean vectors) {
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
    int[] targets = {1, 2, 4, 7};
    for (int call = 0; call < WARM_UP_CALLS; call++) {
      kernel.step(rows, 0, rows, targets, call & 1, 3 + (call & 1), 0, gradient, 0);
      kernel.add(gradient, 0, rows, size, size);
    }
    isWarm = true;
  }

  @Override
  public int width() {
    return width;
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
      vectorStep(inputs, input, outputs, targets, from, to, rate, gradient, at, width, lanes);
    } else {
      plainStep(inputs, input, outputs, targets, from, to, rate, gradient, at);
    }
  }

  private static void vectorStep(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at,
      int width,
      float[] lanes) {
    for (int t = from; t < to; t++) {
      int output = (targets[t] >>> 1) * width;
      FloatVector products = load(inputs, input).mul(load(outputs, output));
      for (int i = LANES; i < width; i += LANES) {
        products = load(inputs, input + i).fma(load(outputs, output + i), products);
      }
      products.intoArray(lanes, 0);
      float g = rate * ((targets[t] & 1) - VectorMath.sigmoid(sum(lanes)));
      FloatVector factor = VectorMath.broadcast(g);
      for (int i = 0; i < width; i += LANES) {
        FloatVector y = load(outputs, output + i);
        y.fma(factor, load(gradient, at + i)).intoArray(gradient, at + i);
        load(inputs, input + i).fma(factor, y).intoArray(outputs, output + i);
      }
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
      int output = (targets[t] >>> 1) * width;
      Arrays.fill(lanes, 0);
      for (int i = 0; i < width; i++) {
        int lane = i & (LANES - 1);
        lanes[lane] = Math.fma(inputs[input + i], outputs[output + i], lanes[lane]);
      }
      float g = rate * ((targets[t] & 1) - VectorMath.sigmoid(sum(lanes)));
      for (int i = 0; i < width; i++) {
        float y = outputs[output + i];
        gradient[at + i] = Math.fma(y, g, gradient[at + i]);
        outputs[output + i] = Math.fma(inputs[input + i], g, y);
      }
    }
  }

  /** The sum of one number for each lane, in a fixed order that has few steps. */
  private static float sum(float[] lanes) {
    float a = lanes[0];
    float b = lanes[1];
    float c = lanes[2];
    float d = lanes[3];
    for (int lane = 4; lane < LANES; lane += 4) {
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
  public int column(int index, int parts) {
    return (int) ((long) (width / LANES) * index / parts) * LANES;
  }
}
