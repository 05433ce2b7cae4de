package org.pygpt.tensor;

import java.math.BigInteger;

/** Where memory is: it allocates it, and knows how much is free. */
public interface Device {
  /** What messages call it. */
  String name();

  /**
   * Allocates zeroed memory, aligned to {@link Memory#ALIGNMENT_BYTES}. What nobody closes is freed
   * some time after the last reference to it is gone.
   *
   * @throws IllegalArgumentException if {@code bytes} is not positive
   * @throws OutOfMemoryError if there is no room for it; the message says how much was asked
   */
  Memory allocate(long bytes);

  /** Allocates room for {@code length} elements. */
  default Memory allocate(DType dtype, long length) {
    return allocate(Math.multiplyExact(length, dtype.bytes()));
  }

  /** Bytes that could be allocated now, as far as the system tells. */
  long freeBytes();

  /** What a message says after the bytes that are available; nothing for a host's. */
  default String place() {
    return "";
  }

  /**
   * Refuses what would not fit, before any of it is allocated; memory that nobody can reach any
   * more is freed first.
   *
   * @param bytes what would be allocated
   * @param what it is for, for the message
   * @throws TooLargeError if there is less
   */
  default void require(BigInteger bytes, String what) {
    long free = freeBytes();
    for (int wait = 0; wait < 5 && bytes.compareTo(BigInteger.valueOf(free)) > 0; wait++) {
      Unreachable.collect(wait);
      free = freeBytes();
    }
    if (bytes.compareTo(BigInteger.valueOf(free)) > 0) {
      throw new TooLargeError(AvailableMemory.message(bytes, free, what, place()));
    }
  }
}
