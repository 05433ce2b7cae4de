package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.tensor.DType;

/** Rows of bfloat16 in memory, widened to a heap array and rounded from it. */
final class Bfloat16 {
  private static final int LANES = VectorMath.LANES;
  private static final VectorSpecies<Integer> INTS = VectorMath.SPECIES.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(VectorMath.SPECIES.vectorBitSize() / 2));
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final IntVector BELOW_HALF = IntVector.broadcast(INTS, (1 << 15) - 1);
  private static final IntVector NAN = IntVector.broadcast(INTS, 0x7fc0);

  private Bfloat16() {}

  /** to[start .. start + count) = elements from index {@code from} on. */
  static void widen(
      boolean vectors, MemorySegment memory, long from, float[] to, int start, int count) {
    int bound = VectorMath.bound(vectors, count);
    if (bound > 0) {
      vectorWiden(memory, from * Short.BYTES, to, start, bound);
    }
    for (int i = bound; i < count; i++) {
      to[start + i] = DType.fromBfloat16(memory.getAtIndex(JAVA_SHORT, from + i));
    }
  }

  private static void vectorWiden(MemorySegment memory, long at, float[] to, int start, int bound) {
    for (int i = 0; i < bound; i += LANES) {
      ShortVector bits =
          ShortVector.fromMemorySegment(SHORTS, memory, at + (long) i * Short.BYTES, ORDER);
      IntVector wide = (IntVector) bits.convertShape(VectorOperators.S2I, INTS, 0);
      wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(to, start + i);
    }
  }

  /** Elements from index {@code to} on = from[start .. start + count), to the nearest. */
  static void round(
      boolean vectors, float[] from, int start, MemorySegment memory, long to, int count) {
    int bound = VectorMath.bound(vectors, count);
    if (bound > 0) {
      vectorRound(from, start, memory, to * Short.BYTES, bound);
    }
    for (int i = bound; i < count; i++) {
      memory.setAtIndex(JAVA_SHORT, to + i, DType.toBfloat16(from[start + i]));
    }
  }

  private static void vectorRound(
      float[] from, int start, MemorySegment memory, long at, int bound) {
    for (int i = 0; i < bound; i += LANES) {
      IntVector rounded = rounded(VectorMath.load(from, start + i));
      ShortVector half = (ShortVector) rounded.convertShape(VectorOperators.I2S, SHORTS, 0);
      half.intoMemorySegment(memory, at + (long) i * Short.BYTES, ORDER);
    }
  }

  /**
   * Elements from index {@code to} on = from[0 .. count), rounded as {@link DType#toBfloat16(float,
   * int)} does.
   *
   * @param words random bits of each
   * @param shift of the first of the 16 that count
   */
  static void round(
      boolean vectors,
      float[] from,
      MemorySegment memory,
      long to,
      int count,
      int[] words,
      int shift) {
    int bound = VectorMath.bound(vectors, count);
    if (bound > 0) {
      vectorRound(from, memory, to * Short.BYTES, bound, words, shift);
    }
    for (int i = bound; i < count; i++) {
      memory.setAtIndex(JAVA_SHORT, to + i, DType.toBfloat16(from[i], words[i] >>> shift));
    }
  }

  private static void vectorRound(
      float[] from, MemorySegment memory, long at, int bound, int[] words, int shift) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector x = VectorMath.load(from, i);
      IntVector random = IntVector.fromArray(INTS, words, i).lanewise(VectorOperators.LSHR, shift);
      IntVector carried = x.reinterpretAsInts().add(random.and(0xffff));
      IntVector rounded = carried.lanewise(VectorOperators.ASHR, 16);
      IntVector numbers = rounded.blend(NAN, x.test(VectorOperators.IS_NAN).cast(INTS));
      ShortVector half = (ShortVector) numbers.convertShape(VectorOperators.I2S, SHORTS, 0);
      half.intoMemorySegment(memory, at + (long) i * Short.BYTES, ORDER);
    }
  }

  /** The bits of the nearest bfloat16, in the lower half of each lane. */
  static IntVector rounded(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(BELOW_HALF).add(odd).lanewise(VectorOperators.ASHR, 16);
    return rounded.blend(NAN, x.test(VectorOperators.IS_NAN).cast(INTS));
  }
}
