package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.Loader;
import org.pygpt.tensor.Tensor;

/**
 * {@code sgemm} of a native library, called through the foreign-function API: oneDNN's where its
 * jar is on the class path (it is faster at the shapes of training, see docs/log.md), else that of
 * the OpenBLAS that ND4J brings.
 *
 * <p>Both take row-major matrices. oneDNN's threads are OpenMP's, whose number belongs to the
 * calling thread, so one thread may ask for all cores while another works alone; OpenBLAS has one
 * number for the process.
 */
public final class NativeGemm {
  private static final int ROW_MAJOR = 101; // enum CBLAS_ORDER
  private static final int NO_TRANSPOSE = 111; // enum CBLAS_TRANSPOSE
  private static final int TRANSPOSE = 112;

  private final String library;
  private final boolean isOneDnn;
  private final MethodHandle sgemm;
  private final MethodHandle setThreads;

  private NativeGemm(String library, MethodHandle sgemm, MethodHandle setThreads) {
    this.library = library;
    this.isOneDnn = library.equals("oneDNN");
    this.sgemm = sgemm;
    this.setThreads = setThreads;
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
    for (String name :
        List.of("libgomp.so.1", "libiomp5.dylib", "libomp.dylib", "libiomp5md.dll")) {
      if (NativeGemm.class.getResource(resource("dnnl", name)) != null) {
        openMp = open("dnnl", name); // before oneDNN, which links to it
      }
    }
    SymbolLookup library = open("dnnl", oneDnnName());
    FunctionDescriptor descriptor =
        FunctionDescriptor.of(
            JAVA_INT,
            JAVA_BYTE,
            JAVA_BYTE,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_LONG);
    MethodHandle sgemm = link(library, "dnnl_sgemm", descriptor);
    MethodHandle threads =
        openMp == null
            ? null
            : link(openMp, "omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    return new NativeGemm("oneDNN", sgemm, threads);
  }

  private static NativeGemm loadOpenBlas() throws IOException {
    Loader.load(org.bytedeco.openblas.global.openblas.class); // with the libraries it links to
    SymbolLookup library = open("openblas", versioned("libopenblas", "0"));
    FunctionDescriptor descriptor =
        FunctionDescriptor.ofVoid(
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_INT,
            JAVA_LONG,
            JAVA_INT,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_INT);
    MethodHandle sgemm = link(library, "cblas_sgemm", descriptor);
    MethodHandle threads =
        link(library, "openblas_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    return new NativeGemm("OpenBLAS", sgemm, threads);
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

  /** Lets products that this thread calls use {@code count} threads (OpenBLAS: all products). */
  public void setThreads(int count) {
    if (setThreads != null) {
      try {
        setThreads.invokeExact(count);
      } catch (Throwable error) {
        throw new AssertionError("a native call threw", error);
      }
    }
  }

  /**
   * c (+)= op(a) @ op(b), float32; see {@link org.pygpt.kernels.Kernels#gemm}.
   *
   * @throws IllegalStateException if the library reports an error
   */
  void multiply(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      boolean add,
      Tensor c) {
    float beta = add ? 1 : 0;
    try {
      if (isOneDnn) {
        int status =
            (int)
                sgemm.invokeExact(
                    (byte) (transposeA ? 'T' : 'N'),
                    (byte) (transposeB ? 'T' : 'N'),
                    (long) m,
                    (long) n,
                    (long) k,
                    1f,
                    a.address(),
                    (long) a.rowStride(),
                    b.address(),
                    (long) b.rowStride(),
                    beta,
                    c.address(),
                    (long) c.rowStride());
        if (status != 0) {
          throw new IllegalStateException(
              String.format(
                  Locale.ROOT,
                  "dnnl_sgemm failed with status %d at %d x %d x %d",
                  status,
                  m,
                  n,
                  k));
        }
      } else {
        sgemm.invokeExact(
            ROW_MAJOR,
            transposeA ? TRANSPOSE : NO_TRANSPOSE,
            transposeB ? TRANSPOSE : NO_TRANSPOSE,
            m,
            n,
            k,
            1f,
            a.address(),
            a.rowStride(),
            b.address(),
            b.rowStride(),
            beta,
            c.address(),
            c.rowStride());
      }
    } catch (RuntimeException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
