package org.pygpt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The host. Its memory is that of ND4J's arrays; where ND4J's native library is not on the class
 * path it is Java's own, and no class of ND4J is loaded.
 */
public final class HostDevice implements Device {
  /** System property: bytes that a process may at most take for its next model or training. */
  public static final String LIMIT = "pygpt.memory_bytes";

  private static final String BINDINGS = "/org/nd4j/linalg/cpu/nativecpu/bindings/";
  private static final String LIBRARY = System.mapLibraryName("nd4jcpu");
  private static final HostDevice HOST = new HostDevice();

  private static final boolean HAS_ND4J = hasNd4j();

  private HostDevice() {}

  /** Whether ND4J's library for this processor family is on the class path; loads none of it. */
  private static boolean hasNd4j() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String system = os.startsWith("mac") ? "macosx" : os.startsWith("win") ? "windows" : "linux";
    String arch = System.getProperty("os.arch").equals("aarch64") ? "arm64" : "x86_64";
    return Stream.of("", "-avx2", "-avx512")
        .map(width -> BINDINGS + system + "-" + arch + width + "/" + LIBRARY)
        .anyMatch(path -> HostDevice.class.getResource(path) != null);
  }

  /** The host of this process. */
  public static HostDevice host() {
    return HOST;
  }

  @Override
  public String name() {
    return "host";
  }

  @Override
  public HostMemory allocate(long bytes) {
    if (bytes <= 0) {
      throw new IllegalArgumentException("bytes: expected at least 1, got " + bytes);
    }
    Unreachable.count(bytes);
    Arena lifetime = Arena.ofShared();
    MemorySegment segment =
        HAS_ND4J ? Nd4jHeap.allocate(bytes, lifetime) : JavaHeap.allocate(bytes, lifetime);
    HugePages.zero(segment);
    return new HostMemory(this, lifetime, segment);
  }

  @Override
  public HostMemory allocate(DType dtype, long length) {
    return allocate(Math.multiplyExact(length, dtype.bytes()));
  }

  @Override
  public long freeBytes() {
    return Math.min(AvailableMemory.bytes(), Long.getLong(LIMIT, Long.MAX_VALUE));
  }
}
