package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.pygpt.kernels.cpu.VectorMath.LANES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.kernels.Int8Heads;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Keys and values as {@link Int8Heads}: rounded where they are added to a cache, and widened, a
 * head at a time, where attention reads them. A head of 1,000 positions stays in the second-level
 * cache.
 */
final class Int8HeadsKernel {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(LANES * Byte.SIZE));
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private Int8HeadsKernel() {}

  /** Rounds rows of heads to rows of {@code to} from {@code toRow} on. */
  static void round(Staging staging, int rows, int D, Tensor from, Tensor to, int toRow) {
    byte[] codes = new byte[D];
    MemorySegment target = HostMemory.segment(to);
    for (int row = 0; row < rows; row++) {
      float[] values = staging.read(0, from, row, 1);
      long at = to.at(toRow + row);
      for (int column = 0; column < from.columns(); column += D) {
        float scale = Int8Heads.round(values, column, D, codes);
        MemorySegment.copy(codes, 0, target, JAVA_BYTE, at, D);
        target.set(JAVA_FLOAT_UNALIGNED, at + D, scale);
        at += Int8Heads.bytes(D);
      }
    }
  }

  /** Head {@code head} of all rows, (rows, D), as float32 in a worker's own memory. */
  static Tensor widen(boolean vectors, Staging staging, int slot, int D, Tensor from, int head) {
    Tensor wide = staging.matrix(slot, from.rows(), D);
    MemorySegment source = HostMemory.segment(from);
    MemorySegment target = HostMemory.segment(wide);
    long at = from.at(0) + (long) head * Int8Heads.bytes(D);
    int stride = from.rowStride();
    if (vectors && D % LANES == 0) {
      vectorWiden(source, at, stride, target, from.rows(), D, LANES);
    } else {
      widen(source, at, stride, target, from.rows(), D);
    }
    return wide;
  }

  private static void widen(
      MemorySegment from, long at, int stride, MemorySegment to, int rows, int D) {
    for (int row = 0; row < rows; row++) {
      long first = at + (long) row * stride;
      float scale = from.get(JAVA_FLOAT_UNALIGNED, first + D);
      for (int d = 0; d < D; d++) {
        to.setAtIndex(JAVA_FLOAT, (long) row * D + d, from.get(JAVA_BYTE, first + d) * scale);
      }
    }
  }

  static void vectorWiden(
      MemorySegment from, long at, int stride, MemorySegment to, int rows, int D, int step) {
    for (int row = 0; row < rows; row++) {
      long first = at + (long) row * stride;
      FloatVector scale = VectorMath.broadcast(from.get(JAVA_FLOAT_UNALIGNED, first + D));
      for (int d = 0; d < D; d += step) {
        ByteVector codes = ByteVector.fromMemorySegment(BYTES, from, first + d, ORDER);
        FloatVector wide = (FloatVector) codes.convertShape(VectorOperators.B2F, FLOATS, 0);
        wide.mul(scale).intoMemorySegment(to, 4L * ((long) row * D + d), ORDER);
      }
    }
  }
}
