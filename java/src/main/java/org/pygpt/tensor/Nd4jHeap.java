package org.pygpt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Host memory that ND4J arrays own; apart from {@link HostDevice}, which runs without ND4J too. */
final class Nd4jHeap {
  private Nd4jHeap() {}

  /**
   * Aligned bytes of an array that is closed with {@code lifetime}. The segment keeps the array:
   * without a reference to it the garbage collector would free it.
   */
  @SuppressWarnings("restricted") // the address is that of an array we own
  static MemorySegment allocate(long bytes, Arena lifetime) {
    long[] shape = {bytes + Memory.ALIGNMENT_BYTES};
    INDArray owner = Nd4j.createUninitialized(DataType.INT8, shape, 'c');
    long start = owner.data().address();
    long aligned =
        (start + Memory.ALIGNMENT_BYTES - 1) / Memory.ALIGNMENT_BYTES * Memory.ALIGNMENT_BYTES;
    return MemorySegment.ofAddress(aligned).reinterpret(bytes, lifetime, _ -> owner.close());
  }
}
