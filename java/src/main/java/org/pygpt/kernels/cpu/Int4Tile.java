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
 * <p>A group lies in one piece: its scales, as float32 so that a loop need not widen them, and then
 * its codes, {@value #INPUTS} inputs in four vectors of words at a time. Word l of vector v holds
 * output v * LANES + l, the first input in its highest four bits, where its sign is the word's.
 * Inputs are filled up with zeros to whole words.
 */
final class Int4Tile {
  /** Inputs of a word. */
  static final int INPUTS = 8;

  /** Words of a group's scales. */
  static final int SCALES = 4 * LANES;

  /** Words of {@link #INPUTS} inputs. */
  static final int CODES = 4 * LANES;

  private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int BITS = 4;
  private static final int HIGHEST = 0xf0000000; // code of a word, where its sign is the word's
  private static final int TOP = Integer.SIZE - BITS;

  /** What a code in the highest place is too large by; scales are divided by it. */
  static final float UNIT = 1 << TOP;

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

  /** How far to the left the code of an input lies in its word. */
  static int shiftOf(int input) {
    return TOP - BITS * (input % INPUTS);
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
    if (vectors) {
      vectorSums(words, at, x, from, padded(k), INPUTS, sums);
      return;
    }
    Arrays.fill(sums, 0, WIDTH, 0);
    for (int first = 0; first < k; first += WeightFormat.GROUP) {
      int inputs = padded(Math.min(WeightFormat.GROUP, k - first));
      group(words, at + codesOf(first), x, from + first, inputs, group);
      for (int o = 0; o < WIDTH; o++) {
        float scale = words.getAtIndex(ValueLayout.JAVA_FLOAT, at + scalesOf(first) + o);
        sums[o] = Math.fma(group[o], scale, sums[o]);
      }
    }
  }

  private static void group(
      MemorySegment words, long at, float[] x, int from, int inputs, float[] group) {
    Arrays.fill(group, 0, WIDTH, 0);
    for (int p = 0; p < inputs; p++) {
      long first = at + p / INPUTS * CODES;
      int shift = TOP - shiftOf(p);
      for (int o = 0; o < WIDTH; o++) {
        int word = words.getAtIndex(ValueLayout.JAVA_INT, first + o);
        group[o] = Math.fma((float) (word << shift & HIGHEST), x[from + p], group[o]);
      }
    }
  }

  private static void vectorSums(
      MemorySegment words, long at, float[] x, int from, int inputs, int step, float[] sums) {
    FloatVector zero = VectorMath.broadcast(0);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    long bytes = 4 * at;
    for (int first = 0; first < inputs; first += WeightFormat.GROUP) {
      long scales = bytes;
      int end = Math.min(first + WeightFormat.GROUP, inputs);
      FloatVector g0 = zero;
      FloatVector g1 = zero;
      FloatVector g2 = zero;
      FloatVector g3 = zero;
      for (int p = first; p < end; p += step) {
        bytes += 4 * CODES; // codes follow the scales, which have as many words
        IntVector w0 = IntVector.fromMemorySegment(WORDS, words, bytes, ORDER);
        IntVector w1 = IntVector.fromMemorySegment(WORDS, words, bytes + 4 * LANES, ORDER);
        IntVector w2 = IntVector.fromMemorySegment(WORDS, words, bytes + 8 * LANES, ORDER);
        IntVector w3 = IntVector.fromMemorySegment(WORDS, words, bytes + 12 * LANES, ORDER);
        for (int i = p; i < p + INPUTS; i++) {
          FloatVector factor = VectorMath.broadcast(x[from + i]);
          g0 = numbers(w0).fma(factor, g0);
          g1 = numbers(w1).fma(factor, g1);
          g2 = numbers(w2).fma(factor, g2);
          g3 = numbers(w3).fma(factor, g3);
          w0 = w0.lanewise(VectorOperators.LSHL, BITS);
          w1 = w1.lanewise(VectorOperators.LSHL, BITS);
          w2 = w2.lanewise(VectorOperators.LSHL, BITS);
          w3 = w3.lanewise(VectorOperators.LSHL, BITS);
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

  private static FloatVector numbers(IntVector words) {
    return (FloatVector) words.and(HIGHEST).convert(VectorOperators.I2F, 0);
  }

  private static FloatVector scale(MemorySegment words, long bytes) {
    return FloatVector.fromMemorySegment(FloatVector.SPECIES_PREFERRED, words, bytes, ORDER);
  }
}
