package org.pygpt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;

/** Owner of host memory of Java's own, which ends with it: no collector frees a shared arena. */
final class JavaHeap {
  private static final Cleaner CLEANER = Cleaner.create();

  private final Cleaner.Cleanable freeing;

  private JavaHeap(Arena bytes) {
    freeing = CLEANER.register(this, bytes::close);
  }

  /**
   * Aligned bytes that are freed with {@code lifetime}, or when nobody can reach it or a segment of
   * it any more. The segment keeps the owner, as its cleanup.
   */
  @SuppressWarnings("restricted") // size and lifetime are those of memory that we own
  static MemorySegment allocate(long bytes, Arena lifetime) {
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes, Memory.ALIGNMENT_BYTES);
    JavaHeap owner = new JavaHeap(arena);
    return segment.reinterpret(bytes, lifetime, _ -> owner.freeing.clean());
  }
}
