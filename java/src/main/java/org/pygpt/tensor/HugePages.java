package org.pygpt.tensor;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Asks Linux for pages of 2 MB for large arrays. Reading all weights once a token goes through so
 * many pages of 4 kB that looking them up takes time; see docs/log.md.
 */
final class HugePages {
  private static final int MADV_DONTNEED = 4; // asm-generic/mman-common.h
  private static final int MADV_HUGEPAGE = 14;
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

  /**
   * Zeros memory that was just allocated. ND4J has zeroed it too, in small pages: they are given
   * back, and the next to touch them gets large ones, zeroed. Where there are none, nothing but the
   * time changes.
   */
  static void zero(MemorySegment segment) {
    if (MADVISE != null && segment.byteSize() >= LARGE_BYTES) {
      long start = (segment.address() + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
      long end = (segment.address() + segment.byteSize()) / PAGE_BYTES * PAGE_BYTES;
      advise(start, end - start, MADV_DONTNEED);
      advise(start, end - start, MADV_HUGEPAGE);
    }
    segment.fill((byte) 0);
  }

  private static void advise(long address, long bytes, int advice) {
    try {
      int unused = (int) MADVISE.invokeExact(address, bytes, advice);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
