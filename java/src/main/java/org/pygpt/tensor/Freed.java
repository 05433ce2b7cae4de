package org.pygpt.tensor;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory beside Java's heap that was freed. The C library keeps much of it for later, in a heap for
 * each few threads: who makes and closes models on many threads would find tens of megabytes in
 * each of those heaps. So it is asked now and then to give back what it does not use.
 */
final class Freed {
  /** Bytes that may be freed before the C library is asked: it takes some milliseconds. */
  private static final long BETWEEN = 32 << 20;

  private static final MethodHandle MALLOC_TRIM = link();
  private static final AtomicLong BYTES = new AtomicLong();

  private Freed() {}

  /** That of glibc, or null. */
  @SuppressWarnings("restricted")
  private static MethodHandle link() {
    FunctionDescriptor signature = FunctionDescriptor.of(JAVA_INT, JAVA_LONG);
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("malloc_trim")
        .map(function -> linker.downcallHandle(function, signature))
        .orElse(null);
  }

  /** Counts what was freed; gives memory back for every {@link #BETWEEN}. */
  static void count(long bytes) {
    if (MALLOC_TRIM != null && BYTES.addAndGet(bytes) >= BETWEEN) {
      BYTES.set(0);
      try {
        int unused = (int) MALLOC_TRIM.invokeExact(0L);
      } catch (Throwable error) {
        throw new AssertionError("a native call threw", error);
      }
    }
  }
}
