package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Loader;

/**
 * {@code sgemm} of a native library, called through the foreign-function API: oneDNN's where its
 * jar is on the class path (it is faster at the shapes of training, see docs/log.md), else that of
 * the OpenBLAS that ND4J brings.
 *
 * <p>Both take row-major matrices. Every call is made to use one thread: the work is divided among
 * threads of our own, whose parts then lie in their own caches, and no second pool of threads
 * competes with them. oneDNN's threads are OpenMP's, whose number belongs to the calling thread;
 * OpenBLAS has one number for the process.
 *
 * <p>A matrix that is scratch space may lie in a heap array; during such a call the garbage
 * collector waits, so they are kept short.
 */
public final class NativeGemm {
  private static final int ROW_MAJOR = 101; // enum CBLAS_ORDER
  private static final int NO_TRANSPOSE = 111; // enum CBLAS_TRANSPOSE
  private static final int TRANSPOSE = 112;
  private static final Linker.Option[] NONE = {};

  private final String library;
  private final boolean isOneDnn;
  private final MethodHandle sgemm;
  private final MethodHandle sgemmToHeap;
  private final MethodHandle sgemmFromHeap;
  private final MethodHandle setThreads;
  private final ThreadLocal<Boolean> oneThread;

  private NativeGemm(String library, MemorySegment function, MethodHandle setThreads) {
    this.library = library;
    this.isOneDnn = library.equals("oneDNN");
    this.setThreads = setThreads;
    this.oneThread = ThreadLocal.withInitial(this::useOneThread);
    this.sgemm = link(function, JAVA_LONG, JAVA_LONG);
    this.sgemmToHeap = link(function, JAVA_LONG, ADDRESS);
    this.sgemmFromHeap = link(function, ADDRESS, JAVA_LONG);
  }

  /** A call of sgemm whose first and last matrix are addresses, or heap arrays. */
  @SuppressWarnings("restricted")
  private MethodHandle link(MemorySegment function, MemoryLayout a, MemoryLayout c) {
    FunctionDescriptor oneDnn =
        FunctionDescriptor.of(
            JAVA_INT, JAVA_BYTE, JAVA_BYTE, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, a,
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, c, JAVA_LONG);
    FunctionDescriptor cblas =
        FunctionDescriptor.ofVoid(
            JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_FLOAT, a, JAVA_INT,
            JAVA_LONG, JAVA_INT, JAVA_FLOAT, c, JAVA_INT);
    boolean onHeap = a == ADDRESS || c == ADDRESS;
    Linker.Option[] options = onHeap ? new Linker.Option[] {Linker.Option.critical(true)} : NONE;
    return Linker.nativeLinker().downcallHandle(function, isOneDnn ? oneDnn : cblas, options);
  }

  /** Loads the library on first use. */
  private static final class Holder {
    static final NativeGemm INSTANCE = load();
  }

  /**
   * The library of this process, loaded on the first call.
   *
   * @throws IllegalStateException if neither library is on the class path
   */
  public static NativeGemm get() {
    return Holder.INSTANCE;
  }

  /** Whether oneDNN's jar for this machine is on the class path, without loading it. */
  static boolean hasOneDnn() {
    return NativeGemm.class.getResource(resource("dnnl", oneDnnName())) != null;
  }

  private static NativeGemm load() {
    try {
      return hasOneDnn() ? loadOneDnn() : loadOpenBlas();
    } catch (IOException error) {
      throw new IllegalStateException(
          "cannot unpack the gemm library into javacpp's cache: " + error.getMessage(), error);
    }
  }

  private static NativeGemm loadOneDnn() throws IOException {
    SymbolLookup openMp = null;
    for (String name : List.of("libgomp.so.1", "libiomp5.dylib", "libomp.dylib", "libiomp5md.dll")) {
      if (NativeGemm.class.getResource(resource("dnnl", name)) != null) {
        openMp = open("dnnl", name); // before oneDNN, which links to it
      }
    }
    SymbolLookup library = open("dnnl", oneDnnName());
    MethodHandle threads =
        openMp == null
            ? null
            : link(openMp, "omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    return new NativeGemm("oneDNN", library.findOrThrow("dnnl_sgemm"), threads);
  }

  private static NativeGemm loadOpenBlas() throws IOException {
    Loader.load(org.bytedeco.openblas.global.openblas.class); // with the libraries it links to
    SymbolLookup library = open("openblas", versioned("libopenblas", "0"));
    MethodHandle threads =
        link(library, "openblas_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    return new NativeGemm("OpenBLAS", library.findOrThrow("cblas_sgemm"), threads);
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
  private static SymbolLookup open(String library, String name) throws IOException {
    Path file = Loader.cacheResource(NativeGemm.class, resource(library, name)).toPath();
    System.load(file.toString()); // by its full path, so that libraries linked to it find it
    return SymbolLookup.libraryLookup(file, Arena.global());
  }

  @SuppressWarnings("restricted")
  private static MethodHandle link(SymbolLookup library, String name, FunctionDescriptor type) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
  }

  /** {@code oneDNN} or {@code OpenBLAS}. */
  public String library() {
    return library;
  }

  private boolean useOneThread() {
    if (setThreads != null) {
      try {
        setThreads.invokeExact(1);
      } catch (Throwable error) {
        throw new AssertionError("a native call threw", error);
      }
    }
    return true;
  }

  /**
   * c (+)= op(a) @ op(b), float32; see {@link org.pygpt.kernels.Kernels#gemm}. Matrices are
   * addresses of their first element and distances between rows in elements.
   *
   * @throws IllegalStateException if the library reports an error
   */
  void multiply(
      boolean transposeA,
      boolean transposeB,
      long m,
      long n,
      long k,
      long a,
      long aStride,
      long b,
      long bStride,
      boolean add,
      long c,
      long cStride) {
    float beta = add ? 1 : 0;
    oneThread.get();
    try {
      if (isOneDnn) {
        check(
            (int)
                sgemm.invokeExact(
                    flag(transposeA), flag(transposeB), m, n, k, 1f, a, aStride, b, bStride, beta,
                    c, cStride));
      } else {
        sgemm.invokeExact(
            ROW_MAJOR, order(transposeA), order(transposeB), (int) m, (int) n, (int) k, 1f, a,
            (int) aStride, b, (int) bStride, beta, c, (int) cStride);
      }
    } catch (RuntimeException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Likewise, with c a heap array that is overwritten. */
  void multiplyToHeap(
      boolean transposeA,
      boolean transposeB,
      long m,
      long n,
      long k,
      long a,
      long aStride,
      long b,
      long bStride,
      MemorySegment c,
      long cStride) {
    oneThread.get();
    try {
      if (isOneDnn) {
        check(
            (int)
                sgemmToHeap.invokeExact(
                    flag(transposeA), flag(transposeB), m, n, k, 1f, a, aStride, b, bStride, 0f, c,
                    cStride));
      } else {
        sgemmToHeap.invokeExact(
            ROW_MAJOR, order(transposeA), order(transposeB), (int) m, (int) n, (int) k, 1f, a,
            (int) aStride, b, (int) bStride, 0f, c, (int) cStride);
      }
    } catch (RuntimeException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Likewise, with a a heap array. */
  void multiplyFromHeap(
      boolean transposeA,
      boolean transposeB,
      long m,
      long n,
      long k,
      MemorySegment a,
      long aStride,
      long b,
      long bStride,
      boolean add,
      long c,
      long cStride) {
    float beta = add ? 1 : 0;
    oneThread.get();
    try {
      if (isOneDnn) {
        check(
            (int)
                sgemmFromHeap.invokeExact(
                    flag(transposeA), flag(transposeB), m, n, k, 1f, a, aStride, b, bStride, beta,
                    c, cStride));
      } else {
        sgemmFromHeap.invokeExact(
            ROW_MAJOR, order(transposeA), order(transposeB), (int) m, (int) n, (int) k, 1f, a,
            (int) aStride, b, (int) bStride, beta, c, (int) cStride);
      }
    } catch (RuntimeException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  private static byte flag(boolean transpose) {
    return (byte) (transpose ? 'T' : 'N');
  }

  private static int order(boolean transpose) {
    return transpose ? TRANSPOSE : NO_TRANSPOSE;
  }

  private static void check(int status) {
    if (status != 0) {
      throw new IllegalStateException("dnnl_sgemm failed with status " + status);
    }
  }
}
