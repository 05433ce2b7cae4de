package org.pygpt.tensor;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * Asks Linux for pages of 2 MB for large arrays. Reading all weights once a token goes through so
 * many pages of 4 kB that looking them up takes time; see docs/log.md.
 */
final class HugePages {
  private static final int MADV_HUGEPAGE = 14; // asm-generic/mman-common.h
  private static final long PAGE_BYTES = 4096;
  private static final long LARGE_BYTES = 16 << 20;
  private static final MethodHandle MADVISE = link();

  private HugePages() {}

  @SuppressWarnings("restricted")
  private static MethodHandle link() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return null;
    }
    FunctionDescriptor signature = FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("madvise")
        .map(function -> linker.downcallHandle(function, signature))
        .orElse(null);
  }

  /** Asks for them before the memory is first touched; where there are none, nothing changes. */
  static void advise(long address, long bytes) {
    if (MADVISE == null || bytes < LARGE_BYTES) {
      return;
    }
    long start = (address + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    long end = (address + bytes) / PAGE_BYTES * PAGE_BYTES;
    try {
      int unused = (int) MADVISE.invokeExact(start, end - start, MADV_HUGEPAGE);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
