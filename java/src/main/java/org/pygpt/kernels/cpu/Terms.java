package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.tensor.DType;

/**
 * Rows of float32 numbers as sums of {@value #COUNT} terms of as few bits as the weights of a
 * product have, so that its instructions for such numbers serve, and a product has the precision of
 * float32 as before.
 *
 * <p>For int8: the whole number nearest to x / unit, of 23 bits, in digits of base 256, where the
 * unit is a power of two by the row's largest number. Sums of products of whole numbers are exact,
 * whatever their order: the same bits alone and among other rows, on every processor.
 *
 * <p>For bfloat16: the bfloat16 nearest to x, that nearest to the rest, and that nearest to what
 * then is left, 24 bits altogether.
 */
final class Terms {
  static final int COUNT = 3;

  /** Bits of the largest whole number. */
  private static final int BITS = 22;

  /**
   * Smallest exponent of a row's largest number that is told from 0, of its unit that of 2^-122.
   */
  private static final int LEAST_EXPONENT = -100;

  /** What a sum of products leaves below {@link #HIGH_HALF}. */
  static final int LOW_HALF = 0xffff;

  private static final float HIGH_HALF = 1 << 16;
  private static final int DIGIT = 0xff;

  /** Adding it rounds a number of at most {@link #BITS} bits to a whole one: 1.5 * 2^23. */
  private static final float ROUND = 12582912f;

  private static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);
  private static final int HALF_DIGIT = 128;
  private static final int MAGNITUDE = 0x7fffffff; // of the bits of a float32
  private static final int MOST = 127; // of int8
  private static final int INFINITE = 0x7f800000;
  private static final int EXPONENT_SHIFT = 23;

  private static final VectorSpecies<Integer> INTS = VectorMath.SPECIES.withLanes(int.class);
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(LANES * Byte.SIZE));
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * Short.SIZE));
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private Terms() {}

  // ---- int8 ------------------------------------------------------------------------------------

  /** The largest magnitude of a row, as bits, which are in the same order. */
  private static int largest(boolean vectors, float[] x, int n) {
    int bound = VectorMath.bound(vectors, n);
    int largest = bound == 0 ? 0 : vectorLargest(x, bound);
    for (int i = bound; i < n; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
    }
    return largest;
  }

  /** The unit of a row: a power of two, so that its largest number has {@link #BITS} bits. */
  static float unit(boolean vectors, float[] x, int n) {
    int largest = largest(vectors, x, n);
    if (largest >= INFINITE) {
      return Float.NaN;
    }
    int exponent = (largest >> EXPONENT_SHIFT) - Float.MAX_EXPONENT;
    return Math.scalb(1f, Math.max(LEAST_EXPONENT, exponent) + 1 - BITS);
  }

  private static int vectorLargest(float[] x, int bound) {
    IntVector largest = IntVector.zero(INTS);
    for (int i = 0; i < bound; i += LANES) {
      largest = largest.max(load(x, i).reinterpretAsInts().and(MAGNITUDE));
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  /**
   * The digits of a row, the highest first, {@code plane} bytes apart; the plain loops are of one
   * step each, of which C2 makes vectors.
   *
   * @param offset is added to each digit
   * @param whole scratch space of n numbers
   */
  static void digits(
      boolean vectors,
      float[] x,
      int n,
      float unit,
      int offset,
      int[] whole,
      byte[] digits,
      int plane) {
    float inverse = 1 / unit;
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorDigits(x, bound, inverse, offset, digits, plane);
    }
    for (int i = bound; i < n; i++) {
      whole[i] = whole(x[i], inverse);
    }
    for (int term = COUNT - 1; term >= 0; term--) {
      int to = term * plane;
      for (int i = bound; i < n; i++) {
        digits[to + i] = (byte) (whole[i] + offset);
      }
      for (int i = bound; i < n; i++) {
        whole[i] = whole[i] + HALF_DIGIT >> Byte.SIZE;
      }
    }
  }

  /** The whole number nearest to x, in a row's units. */
  static int whole(float x, float inverse) {
    return Float.floatToRawIntBits(x * inverse + ROUND) - ROUND_BITS;
  }

  /** {@link #whole(float, float)} of each lane. */
  static IntVector whole(FloatVector x, float inverse) {
    return x.mul(inverse).add(ROUND).reinterpretAsInts().sub(ROUND_BITS);
  }

  private static void vectorDigits(
      float[] x, int bound, float inverse, int offset, byte[] digits, int plane) {
    for (int i = 0; i < bound; i += LANES) {
      IntVector low = whole(load(x, i), inverse);
      IntVector middle = low.add(HALF_DIGIT).lanewise(VectorOperators.ASHR, Byte.SIZE);
      IntVector high = middle.add(HALF_DIGIT).lanewise(VectorOperators.ASHR, Byte.SIZE);
      bytes(high, offset).intoArray(digits, i);
      bytes(middle, offset).intoArray(digits, plane + i);
      bytes(low, offset).intoArray(digits, 2 * plane + i);
    }
  }

  private static ByteVector bytes(IntVector digits, int offset) {
    return (ByteVector) digits.add(offset).convertShape(VectorOperators.I2B, BYTES, 0);
  }

  /**
   * out[o] = the number that sums of the digits' products make, times unit and scale: the whole
   * sum's upper part and its lower 16 bits, so that it depends on that alone.
   *
   * @param at byte of {@code sums} where the first digit's are; those of the others {@code plane}
   *     bytes apart
   * @param scales from index {@code first} on
   * @param whole scratch space of COUNT * n numbers
   */
  static void join(
      boolean vectors,
      MemorySegment sums,
      long at,
      long plane,
      int n,
      float unit,
      float[] scales,
      int first,
      int[] whole,
      float[] out) {
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorJoin(sums, at, plane, bound, unit, scales, first, out);
    }
    int rest = n - bound;
    if (rest == 0) {
      return;
    }
    for (int term = 0; term < COUNT; term++) {
      long from = at + term * plane + (long) bound * Integer.BYTES;
      MemorySegment.copy(sums, JAVA_INT, from, whole, term * rest, rest);
    }
    for (int i = 0; i < rest; i++) {
      int low = whole[2 * rest + i];
      int middle = whole[rest + i] + (low >> Byte.SIZE);
      int high = whole[i] + (middle >> Byte.SIZE);
      int lowHalf = (middle & DIGIT) << Byte.SIZE | low & DIGIT;
      out[bound + i] = number(high, lowHalf, scales[first + bound + i] * unit);
    }
  }

  /** A sum of products, high * 2^16 + low with a low half of 16 bits, times {@code scale}. */
  static float number(int high, int low, float scale) {
    return Math.fma(high, HIGH_HALF * scale, low * scale);
  }

  /** {@link #number(int, int, float)} of each lane, with the same bits. */
  static FloatVector number(IntVector high, IntVector low, FloatVector scale) {
    FloatVector rest = ((FloatVector) low.convert(VectorOperators.I2F, 0)).mul(scale);
    return ((FloatVector) high.convert(VectorOperators.I2F, 0)).fma(scale.mul(HIGH_HALF), rest);
  }

  private static void vectorJoin(
      MemorySegment sums,
      long at,
      long plane,
      int bound,
      float unit,
      float[] scales,
      int first,
      float[] out) {
    for (int i = 0; i < bound; i += LANES) {
      long from = at + (long) i * Integer.BYTES;
      IntVector low = IntVector.fromMemorySegment(INTS, sums, from + 2 * plane, ORDER);
      IntVector middle =
          IntVector.fromMemorySegment(INTS, sums, from + plane, ORDER)
              .add(low.lanewise(VectorOperators.ASHR, Byte.SIZE));
      IntVector high =
          IntVector.fromMemorySegment(INTS, sums, from, ORDER)
              .add(middle.lanewise(VectorOperators.ASHR, Byte.SIZE));
      IntVector lowHalf =
          middle.and(DIGIT).lanewise(VectorOperators.LSHL, Byte.SIZE).or(low.and(DIGIT));
      number(high, lowHalf, load(scales, first + i).mul(unit)).intoArray(out, i);
    }
  }

  /** What a row's numbers are rounded to multiples of, so that its largest one is {@link #MOST}. */
  static float byteScale(boolean vectors, float[] x, int n) {
    int largest = largest(vectors, x, n);
    return largest >= INFINITE ? Float.NaN : Float.intBitsToFloat(largest) / MOST;
  }

  /**
   * A row as multiples of its scale, each plus {@code offset}; of a scale too small for its
   * inverse, zeros.
   *
   * @param whole scratch space of n numbers
   */
  static void bytes(
      boolean vectors, float[] x, int n, float scale, int offset, int[] whole, byte[] bytes) {
    float inverse = scale < Float.MIN_NORMAL ? 0 : 1 / scale;
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorBytes(x, bound, inverse, offset, bytes);
    }
    for (int i = bound; i < n; i++) {
      whole[i] = whole(x[i], inverse);
    }
    for (int i = bound; i < n; i++) {
      bytes[i] = (byte) (whole[i] + offset);
    }
  }

  private static void vectorBytes(float[] x, int bound, float inverse, int offset, byte[] bytes) {
    for (int i = 0; i < bound; i += LANES) {
      bytes(whole(load(x, i), inverse), offset).intoArray(bytes, i);
    }
  }

  /**
   * out[o] = (a sum + what it begins with) * its scale * {@code scale}, of n outputs.
   *
   * @param sum byte of {@code sums} where the sums are
   * @param at byte of {@code table} where n int32 are, and then n float32
   * @param to index of the first output
   */
  static void vectorJoinBytes(
      MemorySegment sums,
      long sum,
      MemorySegment table,
      long at,
      int n,
      float scale,
      float[] out,
      int to) {
    for (int i = 0; i < n; i += LANES) {
      long lane = (long) i * Integer.BYTES;
      IntVector exact =
          IntVector.fromMemorySegment(INTS, sums, sum + lane, ORDER)
              .add(IntVector.fromMemorySegment(INTS, table, at + lane, ORDER));
      long scales = at + (long) n * Integer.BYTES + lane;
      FloatVector factor =
          FloatVector.fromMemorySegment(VectorMath.SPECIES, table, scales, ORDER).mul(scale);
      ((FloatVector) exact.convert(VectorOperators.I2F, 0)).mul(factor).intoArray(out, to + i);
    }
  }

  // ---- bfloat16 --------------------------------------------------------------------------------

  /** The bfloat16 terms of a row, the largest first, {@code plane} numbers apart. */
  static void split(boolean vectors, float[] x, int n, short[] terms, int plane) {
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorSplit(x, bound, terms, plane);
    }
    for (int i = bound; i < n; i++) {
      float value = x[i];
      short first = DType.toBfloat16(value);
      float rest = value - DType.fromBfloat16(first);
      short second = DType.toBfloat16(rest);
      terms[i] = first;
      terms[plane + i] = second;
      terms[2 * plane + i] = DType.toBfloat16(rest - DType.fromBfloat16(second));
    }
  }

  private static void vectorSplit(float[] x, int bound, short[] terms, int plane) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector value = load(x, i);
      IntVector first = Bfloat16.rounded(value);
      FloatVector rest = value.sub(wide(first));
      IntVector second = Bfloat16.rounded(rest);
      IntVector third = Bfloat16.rounded(rest.sub(wide(second)));
      ((ShortVector) first.convertShape(VectorOperators.I2S, SHORTS, 0)).intoArray(terms, i);
      ((ShortVector) second.convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoArray(terms, plane + i);
      ((ShortVector) third.convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoArray(terms, 2 * plane + i);
    }
  }

  private static FloatVector wide(IntVector half) {
    return half.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats();
  }

  /**
   * out[o] = the sum of the terms' sums, the smallest first.
   *
   * @param at byte of {@code sums} where the first term's are; those of the others {@code plane}
   *     bytes apart
   * @param parts scratch space of COUNT * n numbers
   */
  static void join(
      boolean vectors, MemorySegment sums, long at, long plane, int n, float[] parts, float[] out) {
    int bound = VectorMath.bound(vectors, n);
    if (bound > 0) {
      vectorJoin(sums, at, plane, bound, out);
    }
    int rest = n - bound;
    if (rest == 0) {
      return;
    }
    for (int term = 0; term < COUNT; term++) {
      long from = at + term * plane + (long) bound * Float.BYTES;
      MemorySegment.copy(sums, JAVA_FLOAT, from, parts, term * rest, rest);
    }
    for (int i = 0; i < rest; i++) {
      out[bound + i] = parts[2 * rest + i] + parts[rest + i] + parts[i];
    }
  }

  private static void vectorJoin(MemorySegment sums, long at, long plane, int bound, float[] out) {
    for (int i = 0; i < bound; i += LANES) {
      long from = at + (long) i * Float.BYTES;
      FloatVector small =
          FloatVector.fromMemorySegment(VectorMath.SPECIES, sums, from + 2 * plane, ORDER);
      FloatVector middle =
          FloatVector.fromMemorySegment(VectorMath.SPECIES, sums, from + plane, ORDER);
      FloatVector large = FloatVector.fromMemorySegment(VectorMath.SPECIES, sums, from, ORDER);
      small.add(middle).add(large).intoArray(out, i);
    }
  }
}
