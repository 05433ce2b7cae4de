package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;

/**
 * The native library that has {@code sgemm}: oneDNN where its jar is on the class path (it is
 * faster at the shapes of training, see docs/log.md), else the OpenBLAS that ND4J brings, which has
 * the products of single rows in any case ({@link OpenBlas}).
 *
 * @param isOneDnn which of the two
 * @param symbols all functions of the library
 * @param sgemm {@code dnnl_sgemm} or {@code cblas_sgemm}
 * @param setThreads sets how many threads a product uses: with oneDNN those of the calling thread,
 *     with OpenBLAS all; null where it always uses one
 */
record GemmLibrary(
    boolean isOneDnn, SymbolLookup symbols, MemorySegment sgemm, MethodHandle setThreads) {
  static final int ROW_MAJOR = 101; // enum CBLAS_ORDER
  static final int NO_TRANSPOSE = 111; // enum CBLAS_TRANSPOSE
  static final int TRANSPOSE = 112;

  private static final String SET_THREADS = "omp_set_num_threads";

  /** Whether oneDNN's jar for this machine is on the class path, without loading it. */
  static boolean hasOneDnn() {
    return GemmLibrary.class.getResource(resource("dnnl", oneDnnName())) != null;
  }

  /**
   * Unpacks the library to javacpp's cache and loads it.
   *
   * @throws IllegalStateException if it cannot be unpacked
   */
  static GemmLibrary load() {
    return hasOneDnn() ? loadOneDnn() : loadOpenBlas();
  }

  private static GemmLibrary loadOneDnn() {
    SymbolLookup openMp = null;
    for (String name :
        List.of("libgomp.so.1", "libiomp5.dylib", "libomp.dylib", "libiomp5md.dll")) {
      if (GemmLibrary.class.getResource(resource("dnnl", name)) != null) {
        openMp = open("dnnl", name); // before oneDNN, which links to it
      }
    }
    SymbolLookup library = open("dnnl", oneDnnName());
    // ND4J brings an OpenMP library too, and the first one that is loaded serves both: ask the one
    // that oneDNN is linked to, not the one beside it. (Windows does not look through a library.)
    SymbolLookup ownOpenMp = openMp;
    MethodHandle threads =
        library
            .find(SET_THREADS)
            .or(() -> ownOpenMp == null ? Optional.empty() : ownOpenMp.find(SET_THREADS))
            .map(GemmLibrary::threadSetter)
            .orElse(null);
    return new GemmLibrary(true, library, library.findOrThrow("dnnl_sgemm"), threads);
  }

  /**
   * The OpenBLAS that ND4J brings.
   *
   * @throws IllegalStateException if it cannot be unpacked
   */
  static SymbolLookup openBlas() {
    Loader.load(org.bytedeco.openblas.global.openblas.class); // with the libraries it links to
    return open("openblas", versioned("libopenblas", "0"));
  }

  private static GemmLibrary loadOpenBlas() {
    SymbolLookup library = openBlas();
    MethodHandle threads = threadSetter(library.findOrThrow("openblas_set_num_threads"));
    return new GemmLibrary(false, library, library.findOrThrow("cblas_sgemm"), threads);
  }

  private static String oneDnnName() {
    return Loader.getPlatform().startsWith("windows") ? "dnnl.dll" : versioned("libdnnl", "3");
  }

  /** A library's file name with its ABI version, where the system's convention has one. */
  private static String versioned(String name, String version) {
    String platform = Loader.getPlatform();
    if (platform.startsWith("windows")) {
      return name + ".dll";
    }
    return platform.startsWith("macosx")
        ? name + "." + version + ".dylib"
        : name + ".so." + version;
  }

  private static String resource(String library, String name) {
    return "/org/bytedeco/" + library + "/" + Loader.getPlatform() + "/" + name;
  }

  @SuppressWarnings("restricted")
  private static SymbolLookup open(String library, String name) {
    Path file;
    try {
      file = Loader.cacheResource(GemmLibrary.class, resource(library, name)).toPath();
    } catch (IOException error) {
      throw new IllegalStateException(
          "cannot unpack a native library into javacpp's cache: " + error.getMessage(), error);
    }
    System.load(file.toString()); // by its full path, so that libraries linked to it find it
    return SymbolLookup.libraryLookup(file, Arena.global());
  }

  @SuppressWarnings("restricted")
  private static MethodHandle threadSetter(MemorySegment function) {
    return Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.ofVoid(JAVA_INT));
  }
}
