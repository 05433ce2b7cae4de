package org.pygpt.kernels.cpu;

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

/**
 * One row times a part of an {@link OneDnnMatrix} of int8, which is read from its beginning to its
 * end, as memory is read fastest, and multiplied on the way.
 *
 * <p>Whole numbers of 22 bits, which {@link Terms} make of the row, are taken as two of half as
 * many bits. Their products with weights, and the sums of those for {@link #INPUTS} inputs, have at
 * most 24 bits: they are exact in float32, and so is the result, the same as by digits.
 *
 * <p>Where oneDNN's products have vectors of {@value #LANES_EACH} numbers of 32 bits, it lays a
 * part out in tiles of {@value #OUTPUTS} outputs, one after another; a tile has four vectors for
 * every four inputs, whose words have the numbers of one output each. Whether it does is compared
 * where the part is made.
 */
final class Int8Stream {
  /** Outputs of a tile. */
  static final int OUTPUTS = 64;

  /** Inputs whose products are summed in float32. */
  static final int INPUTS = 64;

  /** Inputs for which the sums of all stay below 2^31. */
  static final int MOST_INPUTS = 8192;

  private static final int LANES_EACH = 16;
  private static final int WORD = 4; // inputs of a word, and bytes
  private static final int HALF_BITS = 11;
  private static final int LOW = (1 << HALF_BITS) - 1;
  private static final int HALF_UNIT = 1 << HALF_BITS - 1; // half of a high half's unit
  private static final int HIGHEST = 0xff000000; // byte of a word
  private static final float UNIT = 1f / (1 << 24); // of a number in the highest byte

  private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private Int8Stream() {}

  /** Whether this machine has vectors for it, and sums of so many inputs room. */
  static boolean takes(int inputs) {
    return LANES == LANES_EACH && inputs <= MOST_INPUTS;
  }

  /** Bytes of a part. */
  static long bytes(int padded, int outputs) {
    return (long) Math.ceilDiv(outputs, OUTPUTS) * OUTPUTS * padded;
  }

  /** Where the number of an input and an output lies. */
  static long at(int padded, int input, int output) {
    return (long) output / OUTPUTS * OUTPUTS * padded
        + input / WORD * WORD * OUTPUTS
        + output % OUTPUTS * WORD
        + input % WORD;
  }

  /**
   * The halves of a row's whole numbers, as they are multiplied by numbers in the highest byte of a
   * word: the high ones, filled up with zeros to {@code padded} numbers, then the low ones.
   *
   * @param x n numbers
   * @param to receives 2 * padded numbers
   */
  static void halves(boolean vectors, float[] x, int n, float unit, int padded, float[] to) {
    float inverse = 1 / unit;
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorHalves(x, bound, inverse, padded, to);
    }
    for (int i = bound; i < n; i++) {
      int whole = Terms.whole(x[i], inverse);
      int high = whole + HALF_UNIT >> HALF_BITS;
      to[i] = high * UNIT;
      to[padded + i] = (whole - (high << HALF_BITS)) * UNIT;
    }
    Arrays.fill(to, n, padded, 0);
    Arrays.fill(to, padded + n, 2 * padded, 0);
  }

  private static void vectorHalves(float[] x, int bound, float inverse, int padded, float[] to) {
    for (int i = 0; i < bound; i += LANES) {
      IntVector whole = Terms.whole(load(x, i), inverse);
      IntVector high = whole.add(HALF_UNIT).lanewise(VectorOperators.ASHR, HALF_BITS);
      IntVector low = whole.sub(high.lanewise(VectorOperators.LSHL, HALF_BITS));
      ((FloatVector) high.convert(VectorOperators.I2F, 0)).mul(UNIT).intoArray(to, i);
      ((FloatVector) low.convert(VectorOperators.I2F, 0)).mul(UNIT).intoArray(to, padded + i);
    }
  }

  /**
   * The sums of a tile: those of the high halves, then those of the low ones.
   *
   * @param at byte where the tile begins
   * @param padded a multiple of {@link #INPUTS}
   * @param x {@link #halves} of so many numbers
   * @param block scratch space of 2 * OUTPUTS numbers
   * @param sums receives 2 * OUTPUTS numbers
   */
  static void sums(
      boolean vectors,
      MemorySegment part,
      long at,
      int padded,
      float[] x,
      float[] block,
      int[] sums) {
    Arrays.fill(sums, 0, 2 * OUTPUTS, 0);
    for (int input = 0; input < padded; input += INPUTS) {
      long begin = at + (long) input * OUTPUTS;
      if (vectors) {
        vectorBlock(part, begin, x, input, padded, INPUTS, WORD, block);
      } else {
        block(part, begin, x, input, padded, block);
      }
      for (int i = 0; i < 2 * OUTPUTS; i++) {
        sums[i] += (int) block[i];
      }
    }
  }

  private static void block(
      MemorySegment part, long at, float[] x, int from, int padded, float[] block) {
    Arrays.fill(block, 0, 2 * OUTPUTS, 0);
    for (int input = 0; input < INPUTS; input++) {
      for (int o = 0; o < OUTPUTS; o++) {
        int word = part.get(ValueLayout.JAVA_BYTE, at + at(INPUTS, input, o)) << 24;
        block[o] += word * x[from + input];
        block[OUTPUTS + o] += word * x[padded + from + input];
      }
    }
  }

  /** The steps are arguments so that C2 unrolls nothing; see {@link TiledKernel}. */
  private static void vectorBlock(
      MemorySegment part,
      long at,
      float[] x,
      int from,
      int padded,
      int inputs,
      int step,
      float[] block) {
    FloatVector high0 = VectorMath.broadcast(0);
    FloatVector high1 = high0;
    FloatVector high2 = high0;
    FloatVector high3 = high0;
    FloatVector low0 = high0;
    FloatVector low1 = high0;
    FloatVector low2 = high0;
    FloatVector low3 = high0;
    for (int p = 0; p < inputs; p += step) {
      long line = at + (long) p * OUTPUTS;
      IntVector w0 = IntVector.fromMemorySegment(WORDS, part, line, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(WORDS, part, line + 4 * LANES, ORDER);
      IntVector w2 = IntVector.fromMemorySegment(WORDS, part, line + 8 * LANES, ORDER);
      IntVector w3 = IntVector.fromMemorySegment(WORDS, part, line + 12 * LANES, ORDER);
      for (int i = from + p + WORD - 1; i >= from + p; i--) { // the last one is in the highest byte
        FloatVector high = VectorMath.broadcast(x[i]);
        FloatVector low = VectorMath.broadcast(x[padded + i]);
        FloatVector n0 = numbers(w0);
        FloatVector n1 = numbers(w1);
        FloatVector n2 = numbers(w2);
        FloatVector n3 = numbers(w3);
        high0 = n0.fma(high, high0);
        high1 = n1.fma(high, high1);
        high2 = n2.fma(high, high2);
        high3 = n3.fma(high, high3);
        low0 = n0.fma(low, low0);
        low1 = n1.fma(low, low1);
        low2 = n2.fma(low, low2);
        low3 = n3.fma(low, low3);
        w0 = w0.lanewise(VectorOperators.LSHL, Byte.SIZE);
        w1 = w1.lanewise(VectorOperators.LSHL, Byte.SIZE);
        w2 = w2.lanewise(VectorOperators.LSHL, Byte.SIZE);
        w3 = w3.lanewise(VectorOperators.LSHL, Byte.SIZE);
      }
    }
    high0.intoArray(block, 0);
    high1.intoArray(block, LANES);
    high2.intoArray(block, 2 * LANES);
    high3.intoArray(block, 3 * LANES);
    low0.intoArray(block, OUTPUTS);
    low1.intoArray(block, OUTPUTS + LANES);
    low2.intoArray(block, OUTPUTS + 2 * LANES);
    low3.intoArray(block, OUTPUTS + 3 * LANES);
  }

  private static FloatVector numbers(IntVector words) {
    return (FloatVector) words.and(HIGHEST).convert(VectorOperators.I2F, 0);
  }

  /**
   * out[at + o] = what the sums of halves make, times unit and scale, with the bits of {@link
   * Terms#join}.
   */
  static void join(
      boolean vectors,
      int[] sums,
      int count,
      float unit,
      float[] scales,
      int first,
      float[] out,
      int at) {
    int bound = VectorMath.bound(vectors, count);
    if (bound > 0) {
      vectorJoin(sums, bound, unit, scales, first, out, at);
    }
    for (int o = bound; o < count; o++) {
      int low = sums[OUTPUTS + o];
      int high = sums[o] + (low >> HALF_BITS);
      out[at + o] =
          Terms.number(
              high >> Short.SIZE - HALF_BITS,
              high << HALF_BITS & Terms.LOW_HALF | low & LOW,
              scales[first + o] * unit);
    }
  }

  private static void vectorJoin(
      int[] sums, int bound, float unit, float[] scales, int first, float[] out, int at) {
    for (int o = 0; o < bound; o += LANES) {
      IntVector low = IntVector.fromArray(WORDS, sums, OUTPUTS + o);
      IntVector high =
          IntVector.fromArray(WORDS, sums, o).add(low.lanewise(VectorOperators.ASHR, HALF_BITS));
      IntVector rest =
          high.lanewise(VectorOperators.LSHL, HALF_BITS).and(Terms.LOW_HALF).or(low.and(LOW));
      IntVector most = high.lanewise(VectorOperators.ASHR, Short.SIZE - HALF_BITS);
      Terms.number(most, rest, load(scales, first + o).mul(unit)).intoArray(out, at + o);
    }
  }
}
