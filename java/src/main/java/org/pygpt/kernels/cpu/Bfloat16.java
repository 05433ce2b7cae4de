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
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.CounterHash;
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
   * Rounds m and v by the {@link AdamStep#randomBits} of weights from {@code start} on, as {@link
   * DType#toBfloat16(float, int)} does.
   *
   * @param toM where m[0 .. count) goes, from index {@code atM} on
   */
  static void round(
      boolean vectors,
      AdamStep step,
      long start,
      float[] m,
      MemorySegment toM,
      long atM,
      float[] v,
      MemorySegment toV,
      long atV,
      int count) {
    long first = step.first() + start;
    boolean isOneBlock = first >>> 32 == first + count - 1 >>> 32;
    int bound = VectorMath.bound(vectors && isOneBlock, count);
    if (bound > 0) {
      int key = CounterHash.block(step.key(), first);
      vectorRound((int) first, key, m, toM, atM * Short.BYTES, v, toV, atV * Short.BYTES, bound);
    }
    for (int i = bound; i < count; i++) {
      int random = step.randomBits(start + i);
      toM.setAtIndex(JAVA_SHORT, atM + i, DType.toBfloat16(m[i], random));
      toV.setAtIndex(JAVA_SHORT, atV + i, DType.toBfloat16(v[i], random >>> 16));
    }
  }

  private static void vectorRound(
      int first,
      int key,
      float[] m,
      MemorySegment toM,
      long atM,
      float[] v,
      MemorySegment toV,
      long atV,
      int bound) {
    IntVector numbers = IntVector.broadcast(INTS, first).addIndex(1);
    for (int i = 0; i < bound; i += LANES) {
      IntVector random = hash(numbers.add(i).lanewise(VectorOperators.XOR, key));
      IntVector roundM = rounded(VectorMath.load(m, i), random.and(0xffff));
      IntVector roundV = rounded(VectorMath.load(v, i), random.lanewise(VectorOperators.LSHR, 16));
      ShortVector halfM = (ShortVector) roundM.convertShape(VectorOperators.I2S, SHORTS, 0);
      ShortVector halfV = (ShortVector) roundV.convertShape(VectorOperators.I2S, SHORTS, 0);
      halfM.intoMemorySegment(toM, atM + (long) i * Short.BYTES, ORDER);
      halfV.intoMemorySegment(toV, atV + (long) i * Short.BYTES, ORDER);
    }
  }

  private static IntVector hash(IntVector x) {
    IntVector a = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 16));
    IntVector b = a.mul(CounterHash.FIRST_FACTOR);
    IntVector c = b.lanewise(VectorOperators.XOR, b.lanewise(VectorOperators.LSHR, 15));
    IntVector d = c.mul(CounterHash.SECOND_FACTOR);
    return d.lanewise(VectorOperators.XOR, d.lanewise(VectorOperators.LSHR, 16));
  }

  /** Likewise to one of the two around it, by what is added to the bits that are cut off. */
  private static IntVector rounded(FloatVector x, IntVector random) {
    IntVector carried = x.reinterpretAsInts().add(random).lanewise(VectorOperators.ASHR, 16);
    return carried.blend(NAN, x.test(VectorOperators.IS_NAN).cast(INTS));
  }

  /** The bits of the nearest bfloat16, in the lower half of each lane. */
  static IntVector rounded(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(BELOW_HALF).add(odd).lanewise(VectorOperators.ASHR, 16);
    return rounded.blend(NAN, x.test(VectorOperators.IS_NAN).cast(INTS));
  }
}
