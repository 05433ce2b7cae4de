package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.kernels.NegativeSampling;

/**
 * word2vec's step by vectors, or by plain loops with the same bits where a run is too short for C2
 * to pay. Rows and each kernel's columns are whole vectors, so that no loop has an end of its own.
 *
 * <p>Dot products, factors and moves are passes of their own: no product waits for another, so the
 * processor fetches the rows of many targets at once, which lie anywhere in memory.
 */
public final class CpuNegativeSampling implements NegativeSampling {
  /** Calls after which C2 has compiled the loops, on any machine. */
  private static final int WARM_UP_CALLS = 20_000;

  /** Numbers that lie between what two threads write all the time: two cache lines. */
  private static final int APART = 2 * 64 / Float.BYTES;

  private static final VectorSpecies<Integer> INTS = VectorMath.SPECIES.withLanes(int.class);
  private static final VectorSpecies<Float> FOUR = FloatVector.SPECIES_128;

  /**
   * Where row 0 begins, so that a cache line does there, in a HotSpot whose large arrays begin with
   * one: the numbers come 16 bytes later. A vector that lies across two lines takes twice as long.
   */
  private static final int FIRST = (64 - 16) / Float.BYTES;

  /** As many numbers as an array holds. */
  private static final int MOST = Integer.MAX_VALUE - 8 - FIRST;

  private static volatile boolean isWarm;

  private final int begin;
  private final int end;
  private final int width; // whole vectors, of which zeros are what is beyond the last column
  private final float[] inputs; // of all words, then the means of a batch's steps
  private final float[] outputs;
  private final int words;
  private final boolean vectors;
  private final float[] lanes = new float[APART + LANES + 4 + APART]; // sums of each, then of four
  private float[] factors = {}; // of each target

  /**
   * The kernel of part {@code index} of the columns of vectors of this size.
   *
   * @param vectors whether to use the vector bodies; see {@link #warmUp}
   * @throws IllegalArgumentException if there are more numbers than an array holds
   */
  public CpuNegativeSampling(int size, int words, boolean vectors, int index, int parts) {
    long blocks = Math.ceilDiv(size, LANES);
    long from = Math.ceilDiv(blocks * index, parts) * LANES;
    long to = Math.ceilDiv(blocks * (index + 1), parts) * LANES;
    begin = (int) Math.min(size, from);
    end = (int) Math.min(size, to);
    width = (int) (to - from);
    this.words = words;
    this.vectors = vectors;
    if ((words + (long) MOST_STEPS) * width > MOST) {
      throw new IllegalArgumentException(
          "vectors: expected at most %,d numbers for each worker, got %,d words of %,d"
              .formatted(MOST - (long) MOST_STEPS * width, words, width));
    }
    inputs = new float[row(words + MOST_STEPS)];
    outputs = new float[row(words)];
  }

  /** Has the vector bodies compiled, which takes some tenths of a second the first time. */
  public static synchronized void warmUp() {
    if (isWarm) {
      return;
    }
    var kernel = new CpuNegativeSampling(4 * LANES, 4, true, 0, 1);
    int[] inputs = {0, 1, 3, 1, 2};
    int[] targets = new int[2 * LANES];
    Arrays.setAll(targets, i -> i % 8);
    Batch batch =
        new Batch(inputs, new int[] {0, 4, 5}, targets, new int[] {0, 6, targets.length}, 0, 2);
    float[][] dots = new float[2][targets.length];
    for (int call = 0; call < WARM_UP_CALLS; call++) {
      kernel.look(batch, dots[0]);
      kernel.move(batch, dots, 0);
    }
    isWarm = true;
  }

  @Override
  public int begin() {
    return begin;
  }

  @Override
  public int end() {
    return end;
  }

  @Override
  public int row(int word) {
    return FIRST + word * width;
  }

  @Override
  public float[] inputs() {
    return inputs;
  }

  @Override
  public float[] outputs() {
    return outputs;
  }

  @Override
  public void look(Batch batch, float[] dots) {
    if (width == 0) { // more workers than there are vectors in a row
      Arrays.fill(dots, 0, batch.length(), 0);
      return;
    }
    int x = row(words);
    for (int step = batch.first(); step < batch.last(); step++, x += width) {
      mean(batch.inputs(), batch.firstInputs()[step], batch.firstInputs()[step + 1], x);
      int from = batch.firstTargets()[step];
      int to = batch.firstTargets()[step + 1];
      dots(x, batch.targets(), from, to, dots, from - batch.begin());
    }
  }

  private void mean(int[] ids, int from, int to, int at) {
    if (vectors) {
      vectorMean(inputs, ids, from, to, at, width);
      return;
    }
    float share = 1f / (to - from);
    for (int c = 0; c < width; c++) {
      float sum = inputs[row(ids[from]) + c];
      for (int i = from + 1; i < to; i++) {
        sum += inputs[row(ids[i]) + c];
      }
      inputs[at + c] = sum * share;
    }
  }

  private static void vectorMean(float[] inputs, int[] ids, int from, int to, int at, int width) {
    float share = 1f / (to - from);
    for (int c = 0; c < width; c += LANES) {
      FloatVector sum = load(inputs, FIRST + ids[from] * width + c);
      for (int i = from + 1; i < to; i++) {
        sum = sum.add(load(inputs, FIRST + ids[i] * width + c));
      }
      sum.mul(share).intoArray(inputs, at + c);
    }
  }

  private void dots(int x, int[] targets, int from, int to, float[] dots, int at) {
    if (vectors) {
      vectorDots(inputs, x, outputs, targets, from, to, dots, at, width, lanes);
      return;
    }
    for (int t = from; t < to; t++) {
      int y = row(targets[t] >>> 1);
      Arrays.fill(lanes, APART, APART + LANES, 0);
      for (int c = 0; c < width; c++) {
        int lane = APART + (c & (LANES - 1));
        lanes[lane] = Math.fma(inputs[x + c], outputs[y + c], lanes[lane]);
      }
      for (int lane = 4; lane < LANES; lane++) {
        lanes[APART + (lane & 3)] += lanes[APART + lane];
      }
      dots[at + t - from] = sumOfFour(lanes, APART);
    }
  }

  private static void vectorDots(
      float[] inputs,
      int x,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float[] dots,
      int at,
      int width,
      float[] lanes) {
    for (int t = from; t < to; t++) {
      int y = FIRST + (targets[t] >>> 1) * width;
      FloatVector products = load(inputs, x).mul(load(outputs, y));
      for (int c = LANES; c < width; c += LANES) {
        products = load(inputs, x + c).fma(load(outputs, y + c), products);
      }
      products.intoArray(lanes, APART);
      FloatVector four = FloatVector.fromArray(FOUR, lanes, APART);
      for (int lane = 4; lane < LANES; lane += 4) {
        four = four.add(FloatVector.fromArray(FOUR, lanes, APART + lane));
      }
      four.intoArray(lanes, APART + LANES);
      dots[at + t - from] = sumOfFour(lanes, APART + LANES);
    }
  }

  private static float sumOfFour(float[] x, int at) {
    return (x[at] + x[at + 1]) + (x[at + 2] + x[at + 3]);
  }

  @Override
  public void move(Batch batch, float[][] dots, float rate) {
    if (width == 0) {
      return;
    }
    factors(batch, dots, rate);
    int x = row(words);
    for (int step = batch.first(); step < batch.last(); step++, x += width) {
      if (vectors) {
        vectorMove(batch, step, x, factors, inputs, outputs, width);
      } else {
        plainMove(batch, step, x);
      }
    }
  }

  /** How far each target goes: rate * (label - sigmoid(dot)). */
  private void factors(Batch batch, float[][] dots, float rate) {
    int length = batch.length();
    if (factors.length < length) {
      factors = new float[length];
    }
    System.arraycopy(dots[0], 0, factors, 0, length);
    for (int part = 1; part < dots.length; part++) {
      VectorMath.add(vectors, dots[part], 0, factors, 0, length);
    }
    int begin = batch.begin();
    int bound = VectorMath.bound(vectors, length);
    if (bound > 0) {
      vectorFactors(batch.targets(), begin, bound, rate, factors);
    }
    for (int i = bound; i < length; i++) {
      int label = batch.targets()[begin + i] & 1;
      factors[i] = rate * (label - VectorMath.sigmoid(factors[i]));
    }
  }

  private static void vectorFactors(
      int[] targets, int begin, int bound, float rate, float[] factors) {
    for (int i = 0; i < bound; i += LANES) {
      IntVector bits = IntVector.fromArray(INTS, targets, begin + i).and(1);
      FloatVector labels = (FloatVector) bits.convert(VectorOperators.I2F, 0);
      labels.sub(VectorMath.sigmoid(load(factors, i))).mul(rate).intoArray(factors, i);
    }
  }

  private void plainMove(Batch batch, int step, int x) {
    int from = batch.firstTargets()[step];
    int to = batch.firstTargets()[step + 1];
    for (int c = 0; c < width; c++) {
      float sum = 0;
      for (int t = from; t < to; t++) {
        int at = row(batch.targets()[t] >>> 1) + c;
        float g = factors[t - batch.begin()];
        float y = outputs[at];
        sum = Math.fma(y, g, sum);
        outputs[at] = Math.fma(inputs[x + c], g, y);
      }
      for (int i = batch.firstInputs()[step]; i < batch.firstInputs()[step + 1]; i++) {
        inputs[row(batch.inputs()[i]) + c] += sum;
      }
    }
  }

  private static void vectorMove(
      Batch batch, int step, int x, float[] factors, float[] inputs, float[] outputs, int width) {
    int[] targets = batch.targets();
    int[] ids = batch.inputs();
    int from = batch.firstTargets()[step];
    int to = batch.firstTargets()[step + 1];
    int offset = batch.begin();
    int firstId = batch.firstInputs()[step];
    int lastId = batch.firstInputs()[step + 1];
    for (int c = 0; c < width; c += LANES) {
      FloatVector input = load(inputs, x + c);
      FloatVector sum = VectorMath.broadcast(0);
      for (int t = from; t < to; t++) {
        int at = FIRST + (targets[t] >>> 1) * width + c;
        FloatVector g = VectorMath.broadcast(factors[t - offset]);
        FloatVector y = load(outputs, at);
        sum = y.fma(g, sum);
        input.fma(g, y).intoArray(outputs, at);
      }
      for (int i = firstId; i < lastId; i++) {
        int at = FIRST + ids[i] * width + c;
        load(inputs, at).add(sum).intoArray(inputs, at);
      }
    }
  }
}
