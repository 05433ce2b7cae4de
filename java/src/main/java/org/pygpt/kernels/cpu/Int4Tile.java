package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.TiledKernel.WIDTH;
import static org.pygpt.kernels.cpu.VectorMath.LANES;

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
 * <p>A group lies in one piece: its scales, two vectors of words, and then its codes, {@value
 * #INPUTS} inputs in four vectors of words at a time. Word l of vector v holds output v * LANES +
 * l, the first input in its lowest four bits. Of scales, which are float16, word l of vector v
 * holds output 2 v * LANES + l in its lower half, and output (2 v + 1) * LANES + l in its upper
 * one. Inputs are filled up with zeros to whole words.
 */
final class Int4Tile {
  /** Inputs of a word. */
  static final int INPUTS = 8;

  /** Words of a group's scales. */
  static final int SCALES = 2 * LANES;

  /** Words of {@link #INPUTS} inputs. */
  static final int CODES = 4 * LANES;

  private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int BITS = 4;
  private static final int HIGHEST = 0xf0000000; // code of a word, where its sign is the word's
  private static final int TOP = Integer.SIZE - BITS;

  /** What a code in the highest place is too large by. */
  private static final float UNIT = 1f / (1 << TOP);

  private static final int HALF_SIGN = 0x8000; // of a float16
  private static final int HALF_REST = 0x7fff;
  private static final int HALF_SHIFT = 13; // from a float16's fraction to a float32's
  private static final float HALF_BIAS = 0x1p112f; // exponents of the two differ by that

  private Int4Tile() {}

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

  /**
   * The sums of one row.
   *
   * @param at index of the tile's first word
   * @param k inputs; from x[from] on there are {@link #padded} numbers
   * @param group scratch space for the sums of one group
   */
  static void sums(
      boolean vectors,
      MemorySegment words,
      long at,
      float[] x,
      int from,
      int k,
      float[] sums,
      float[] group) {
    Arrays.fill(sums, 0, WIDTH, 0);
    for (int first = 0; first < k; first += WeightFormat.GROUP) {
      int inputs = padded(Math.min(WeightFormat.GROUP, k - first));
      long scales = at + scalesOf(first);
      if (vectors) {
        vectorGroup(words, scales + SCALES, x, from + first, inputs, INPUTS, group);
        vectorScale(words, scales, group, sums);
      } else {
        group(words, scales + SCALES, x, from + first, inputs, group);
        scale(words, scales, group, sums);
      }
    }
  }

  private static void group(
      MemorySegment words, long at, float[] x, int from, int inputs, float[] group) {
    Arrays.fill(group, 0, WIDTH, 0);
    for (int p = 0; p < inputs; p++) {
      long first = at + p / INPUTS * CODES;
      int shift = TOP - BITS * (p % INPUTS);
      for (int o = 0; o < WIDTH; o++) {
        int word = words.getAtIndex(ValueLayout.JAVA_INT, first + o);
        group[o] = Math.fma((float) (word << shift & HIGHEST), x[from + p], group[o]);
      }
    }
  }

  private static void scale(MemorySegment words, long at, float[] group, float[] sums) {
    for (int o = 0; o < WIDTH; o++) {
      int pair = o / LANES; // vector of outputs
      int word = words.getAtIndex(ValueLayout.JAVA_INT, at + pair / 2 * LANES + o % LANES);
      short half = (short) (pair % 2 == 0 ? word : word >>> 16);
      sums[o] = Math.fma(group[o], Float.float16ToFloat(half) * UNIT, sums[o]);
    }
  }

  private static void vectorGroup(
      MemorySegment words, long at, float[] x, int from, int inputs, int step, float[] group) {
    FloatVector s0 = VectorMath.broadcast(0);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int p = 0; p < inputs; p += step) {
      long first = 4 * (at + p / INPUTS * CODES);
      IntVector w0 = IntVector.fromMemorySegment(WORDS, words, first, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(WORDS, words, first + 4 * LANES, ORDER);
      IntVector w2 = IntVector.fromMemorySegment(WORDS, words, first + 8 * LANES, ORDER);
      IntVector w3 = IntVector.fromMemorySegment(WORDS, words, first + 12 * LANES, ORDER);
      for (int i = 0; i < INPUTS; i++) {
        int shift = TOP - BITS * i;
        FloatVector factor = VectorMath.broadcast(x[from + p + i]);
        s0 = numbers(w0.lanewise(VectorOperators.LSHL, shift)).fma(factor, s0);
        s1 = numbers(w1.lanewise(VectorOperators.LSHL, shift)).fma(factor, s1);
        s2 = numbers(w2.lanewise(VectorOperators.LSHL, shift)).fma(factor, s2);
        s3 = numbers(w3.lanewise(VectorOperators.LSHL, shift)).fma(factor, s3);
      }
    }
    s0.intoArray(group, 0);
    s1.intoArray(group, LANES);
    s2.intoArray(group, 2 * LANES);
    s3.intoArray(group, 3 * LANES);
  }

  private static FloatVector numbers(IntVector words) {
    return (FloatVector) words.and(HIGHEST).convert(VectorOperators.I2F, 0);
  }

  private static void vectorScale(MemorySegment words, long at, float[] group, float[] sums) {
    for (int vector = 0; vector < 4; vector++) {
      long first = 4 * (at + vector / 2 * LANES);
      IntVector word = IntVector.fromMemorySegment(WORDS, words, first, ORDER);
      IntVector half = word.lanewise(VectorOperators.LSHR, 16 * (vector % 2));
      IntVector sign = half.and(HALF_SIGN).lanewise(VectorOperators.LSHL, 16);
      IntVector rest = half.and(HALF_REST).lanewise(VectorOperators.LSHL, HALF_SHIFT);
      FloatVector scale = rest.or(sign).reinterpretAsFloats().mul(HALF_BIAS).mul(UNIT);
      int o = vector * LANES;
      FloatVector sum = FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, group, o);
      sum.fma(scale, FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, sums, o))
          .intoArray(sums, o);
    }
  }
}
