package org.pygpt.tensor;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Memory beside Java's heap that nobody can reach. Java frees it after a collection, and a small
 * heap may never need one: so what is allocated beside it counts as well.
 */
final class Unreachable {
  /** Bytes that may be allocated before Java looks what it can free. */
  private static final long BETWEEN = 1L << 30;

  private static final long PAUSE_NANOS = 5_000_000;

  private static final AtomicLong ALLOCATED = new AtomicLong();

  private Unreachable() {}

  /** Counts what is about to be allocated; begins a collection for every {@link #BETWEEN}. */
  static void count(long bytes) {
    if (ALLOCATED.addAndGet(bytes) >= BETWEEN) {
      ALLOCATED.set(bytes);
      System.gc(); // it goes on beside the program: -XX:+ExplicitGCInvokesConcurrent
    }
  }

  /** Begins a collection if this is the first try, and gives it time, more with each try. */
  static void collect(int tries) {
    if (tries == 0) {
      System.gc();
    }
    LockSupport.parkNanos(PAUSE_NANOS << tries); // what is freed is freed by other threads
  }
}
