package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.TiledKernel.WIDTH;
import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.kernels.WeightFormat;

/**
 * A tile of int4: sums[o] = Σ_g scale(g, o) Σ_p x[p] code(p, o), where p counts the inputs of group
 * g.
 *
 * <p>A group lies in one piece: its scales, as float32 so that a loop need not widen them, and then
 * its codes, {@value #INPUTS} inputs in four vectors of words at a time. Word l of vector v holds
 * output v * LANES + l, the first input in its highest four bits, where its sign is the word's; of
 * the others the code plus {@value #OFFSET}, which needs no sign. Inputs are filled up with zeros
 * to whole words.
 *
 * <p>A code is a number where it lies, too large by a power of two: a loop masks it and does not
 * shift it, and what it is multiplied by is made as much larger beforehand ({@link #prepare}), as
 * is what a group's sums begin with, so that no offset is left.
 */
final class Int4Tile {
  /** Inputs of a word. */
  static final int INPUTS = 8;

  /** Rows that are summed at once. */
  static final int ROWS = 4;

  /** Words of a group's scales. */
  static final int SCALES = 4 * LANES;

  /** Words of {@link #INPUTS} inputs. */
  static final int CODES = 4 * LANES;

  private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int BITS = 4;
  private static final int TOP = Integer.SIZE - BITS;
  private static final int OFFSET = 8; // of the codes but the first of a word

  /** Where the codes of a word lie. */
  private static final int[] MASKS = masks();

  /** What a code in the highest place is too large by; scales are divided by it. */
  static final float UNIT = 1 << TOP;

  private Int4Tile() {}

  /** What numbers are multiplied by, as their codes are smaller than the first of a word. */
  private static final float[] FACTORS = factors();

  private static float[] factors() {
    float[] factors = new float[Math.max(INPUTS, LANES)];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = 1 << TOP - shiftOf(i);
    }
    return factors;
  }

  private static int[] masks() {
    int[] masks = new int[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
      masks[i] = 0xf << shiftOf(i);
    }
    return masks;
  }

  /** Words of a tile of so many inputs. */
  static int words(int inputs) {
    return WeightFormat.INT4.scales(inputs) * SCALES + padded(inputs) / INPUTS * CODES;
  }

  /** Inputs, filled up to whole words. */
  static int padded(int inputs) {
    return Math.ceilDiv(inputs, INPUTS) * INPUTS;
  }

  /** Index within its tile of the first word of the scales of an input's group. */
  static int scalesOf(int input) {
    int group = input / WeightFormat.GROUP;
    return group * (SCALES + WeightFormat.GROUP / INPUTS * CODES);
  }

  /** Index within its tile of the first word of the codes of an input. */
  static int codesOf(int input) {
    return scalesOf(input) + SCALES + input % WeightFormat.GROUP / INPUTS * CODES;
  }

  /** How far to the left the code of an input lies in its word. */
  static int shiftOf(int input) {
    return TOP - BITS * (input % INPUTS);
  }

  /** A word with the code of one input alone. */
  static int word(int code, int input) {
    int stored = input % INPUTS == 0 ? code : code + OFFSET;
    return (stored & 0xf) << shiftOf(input);
  }

  /** Numbers that {@link #prepare} makes of so many inputs. */
  static int prepared(int inputs) {
    return padded(inputs) + WeightFormat.INT4.scales(inputs);
  }

  /**
   * What a row of x becomes for {@link #sums}: its numbers times what their codes are too small by,
   * filled up with zeros, and then what the sums of each group begin with.
   *
   * @param x k inputs from index {@code from} on
   * @param to receives {@link #prepared} numbers from index {@code at} on
   */
  static void prepare(boolean vectors, float[] x, int from, int k, float[] to, int at) {
    int padded = padded(k);
    int bound = LANES % INPUTS == 0 ? VectorMath.bound(vectors, k) : 0;
    if (bound > 0) {
      vectorPrepare(x, from, bound, to, at);
    }
    for (int p = bound; p < padded; p++) {
      to[at + p] = p < k ? x[from + p] * FACTORS[p % INPUTS] : 0;
    }
    for (int first = 0; first < k; first += WeightFormat.GROUP) {
      double sum = sumOfOthers(x, from + first, Math.min(WeightFormat.GROUP, k - first));
      to[at + padded + first / WeightFormat.GROUP] = (float) (-OFFSET * (double) UNIT * sum);
    }
  }

  private static void vectorPrepare(float[] x, int from, int bound, float[] to, int at) {
    FloatVector factors = load(FACTORS, 0);
    for (int p = 0; p < bound; p += LANES) {
      load(x, from + p).mul(factors).intoArray(to, at + p);
    }
  }

  /** The sum of a group's numbers that are multiplied by an offset. */
  private static double sumOfOthers(float[] x, int from, int count) {
    double sum = 0;
    int whole = count / INPUTS * INPUTS;
    for (int p = from; p < from + whole; p += INPUTS) { // additions that need not wait
      double near = (double) x[p + 1] + x[p + 2] + ((double) x[p + 3] + x[p + 4]);
      sum += near + ((double) x[p + 5] + x[p + 6] + x[p + 7]);
    }
    for (int p = from + whole + 1; p < from + count; p++) {
      sum += x[p];
    }
    return sum;
  }

  /**
   * The sums of some rows, up to {@link #ROWS}, each with the bits that it has alone.
   *
   * @param at index of the tile's first word
   * @param x {@link #prepared} numbers of each row, the first row's from index {@code from} on, the
   *     next one's {@code stride} further
   * @param k inputs
   * @param sums (rows, WIDTH); has room for ROWS
   * @param group scratch space for the sums of one group, likewise
   */
  static void sums(
      boolean vectors,
      MemorySegment words,
      long at,
      float[] x,
      int from,
      int stride,
      int rows,
      int k,
      float[] sums,
      float[] group) {
    if (vectors && rows == 1) {
      vectorSums(words, at, x, from, padded(k), INPUTS, sums);
      return;
    }
    Arrays.fill(sums, 0, rows * WIDTH, 0);
    for (int first = 0; first < k; first += WeightFormat.GROUP) {
      int inputs = padded(Math.min(WeightFormat.GROUP, k - first));
      int begin = from + padded(k) + first / WeightFormat.GROUP;
      long codes = at + codesOf(first);
      if (vectors) {
        for (int half = 0; half < WIDTH; half += WIDTH / 2) {
          groups(words, codes + half, x, from + first, begin, stride, rows, inputs, group, half);
        }
      }
      for (int row = 0; row < rows; row++) {
        int to = row * WIDTH;
        if (vectors) {
          vectorAdd(words, 4 * (at + scalesOf(first)), group, sums, to, to + WIDTH);
        } else {
          Arrays.fill(group, 0, WIDTH, x[begin + row * stride]);
          group(words, codes, x, from + first + row * stride, inputs, group);
          add(words, at + scalesOf(first), group, sums, to);
        }
      }
    }
  }

  /**
   * Reads a tile into the core's cache. The loop of {@link #sums} computes too long between two
   * loads to keep enough of them under way: from memory it reads a third as fast as from the cache,
   * and half as fast as a loop that only reads.
   *
   * @param at index of the tile's first word
   * @param count the tile's words
   * @return a number that depends on every load, so that none is left out
   */
  static int vectorReadAhead(MemorySegment words, long at, int count) {
    IntVector all = IntVector.zero(WORDS);
    IntVector next = all;
    long end = 4 * (at + count);
    for (long bytes = 4 * at; bytes < end; bytes += 8 * LANES) {
      all = all.or(IntVector.fromMemorySegment(WORDS, words, bytes, ORDER));
      next = next.or(IntVector.fromMemorySegment(WORDS, words, bytes + 4 * LANES, ORDER));
    }
    return all.or(next).lane(0);
  }

  /** sums += group * scales, of one row. */
  private static void add(MemorySegment words, long scales, float[] group, float[] sums, int to) {
    for (int o = 0; o < WIDTH; o++) {
      float scale = words.getAtIndex(ValueLayout.JAVA_FLOAT, scales + o);
      sums[to + o] = Math.fma(group[o], scale, sums[to + o]);
    }
  }

  private static void vectorAdd(
      MemorySegment words, long scales, float[] group, float[] sums, int from, int to) {
    for (int o = from; o < to; o += LANES) {
      FloatVector scale = scale(words, scales + 4 * (o - from));
      load(group, o).fma(scale, load(sums, o)).intoArray(sums, o);
    }
  }

  /**
   * A group's sums of four rows, for half of the tile's outputs: a code that is made a number once
   * serves all four. Where there are fewer rows, the last one is computed again in the place of
   * those that are missing.
   */
  private static void groups(
      MemorySegment words,
      long codes,
      float[] x,
      int from,
      int begin,
      int stride,
      int rows,
      int inputs,
      float[] group,
      int half) {
    int second = Math.min(1, rows - 1);
    int third = Math.min(2, rows - 1);
    int last = rows - 1;
    vectorGroups(
        words,
        4 * codes,
        x,
        from,
        begin,
        second * stride,
        third * stride,
        last * stride,
        inputs,
        INPUTS,
        group,
        half,
        half + second * WIDTH,
        half + third * WIDTH,
        half + last * WIDTH);
  }

  private static void vectorGroups(
      MemorySegment words,
      long bytes,
      float[] x,
      int from,
      int begin,
      int second,
      int third,
      int last,
      int inputs,
      int step,
      float[] group,
      int to0,
      int to1,
      int to2,
      int to3) {
    FloatVector a0 = VectorMath.broadcast(x[begin]);
    FloatVector b0 = VectorMath.broadcast(x[begin + second]);
    FloatVector c0 = VectorMath.broadcast(x[begin + third]);
    FloatVector d0 = VectorMath.broadcast(x[begin + last]);
    FloatVector a1 = a0;
    FloatVector b1 = b0;
    FloatVector c1 = c0;
    FloatVector d1 = d0;
    for (int p = 0; p < inputs; p += step) {
      IntVector w0 = IntVector.fromMemorySegment(WORDS, words, bytes, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(WORDS, words, bytes + 4 * LANES, ORDER);
      bytes += 4 * CODES;
      for (int i = 0; i < INPUTS; i++) {
        int at = from + p + i;
        FloatVector n0 = numbers(w0, MASKS[i]);
        FloatVector n1 = numbers(w1, MASKS[i]);
        FloatVector a = VectorMath.broadcast(x[at]);
        FloatVector b = VectorMath.broadcast(x[at + second]);
        FloatVector c = VectorMath.broadcast(x[at + third]);
        FloatVector d = VectorMath.broadcast(x[at + last]);
        a0 = n0.fma(a, a0);
        a1 = n1.fma(a, a1);
        b0 = n0.fma(b, b0);
        b1 = n1.fma(b, b1);
        c0 = n0.fma(c, c0);
        c1 = n1.fma(c, c1);
        d0 = n0.fma(d, d0);
        d1 = n1.fma(d, d1);
      }
    }
    a0.intoArray(group, to0);
    a1.intoArray(group, to0 + LANES);
    b0.intoArray(group, to1);
    b1.intoArray(group, to1 + LANES);
    c0.intoArray(group, to2);
    c1.intoArray(group, to2 + LANES);
    d0.intoArray(group, to3);
    d1.intoArray(group, to3 + LANES);
  }

  private static void group(
      MemorySegment words, long at, float[] x, int from, int inputs, float[] group) {
    for (int p = 0; p < inputs; p++) {
      long first = at + p / INPUTS * CODES;
      int mask = MASKS[p % INPUTS];
      for (int o = 0; o < WIDTH; o++) {
        int word = words.getAtIndex(ValueLayout.JAVA_INT, first + o);
        group[o] = Math.fma((float) (word & mask), x[from + p], group[o]);
      }
    }
  }

  private static void vectorSums(
      MemorySegment words, long at, float[] x, int from, int inputs, int step, float[] sums) {
    FloatVector s0 = VectorMath.broadcast(0);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    long bytes = 4 * at;
    int begin = from + inputs; // what the sums of the next group begin with
    for (int first = 0; first < inputs; first += WeightFormat.GROUP) {
      long scales = bytes;
      int end = Math.min(first + WeightFormat.GROUP, inputs);
      FloatVector g0 = VectorMath.broadcast(x[begin++]);
      FloatVector g1 = g0;
      FloatVector g2 = g0;
      FloatVector g3 = g0;
      for (int p = first; p < end; p += step) {
        bytes += 4 * CODES; // codes follow the scales, which have as many words
        IntVector w0 = IntVector.fromMemorySegment(WORDS, words, bytes, ORDER);
        IntVector w1 = IntVector.fromMemorySegment(WORDS, words, bytes + 4 * LANES, ORDER);
        IntVector w2 = IntVector.fromMemorySegment(WORDS, words, bytes + 8 * LANES, ORDER);
        IntVector w3 = IntVector.fromMemorySegment(WORDS, words, bytes + 12 * LANES, ORDER);
        for (int i = 0; i < INPUTS; i++) {
          int mask = MASKS[i];
          FloatVector factor = VectorMath.broadcast(x[from + p + i]);
          g0 = numbers(w0, mask).fma(factor, g0);
          g1 = numbers(w1, mask).fma(factor, g1);
          g2 = numbers(w2, mask).fma(factor, g2);
          g3 = numbers(w3, mask).fma(factor, g3);
        }
      }
      bytes += 4 * CODES;
      s0 = g0.fma(scale(words, scales), s0);
      s1 = g1.fma(scale(words, scales + 4 * LANES), s1);
      s2 = g2.fma(scale(words, scales + 8 * LANES), s2);
      s3 = g3.fma(scale(words, scales + 12 * LANES), s3);
    }
    s0.intoArray(sums, 0);
    s1.intoArray(sums, LANES);
    s2.intoArray(sums, 2 * LANES);
    s3.intoArray(sums, 3 * LANES);
  }

  private static FloatVector numbers(IntVector words, int mask) {
    return (FloatVector) words.and(mask).convert(VectorOperators.I2F, 0);
  }

  private static FloatVector scale(MemorySegment words, long bytes) {
    return FloatVector.fromMemorySegment(FloatVector.SPECIES_PREFERRED, words, bytes, ORDER);
  }
}
