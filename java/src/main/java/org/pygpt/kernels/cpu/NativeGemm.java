package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.pygpt.kernels.cpu.GemmLibrary.NO_TRANSPOSE;
import static org.pygpt.kernels.cpu.GemmLibrary.ROW_MAJOR;
import static org.pygpt.kernels.cpu.GemmLibrary.TRANSPOSE;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pygpt.kernels.MatMul;

/**
 * {@code sgemm} of a native library, called through the foreign-function API; see {@link
 * GemmLibrary}. The library is loaded when this class is.
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
  // constants, so that the JIT compiles a call to its bare minimum
  private static final GemmLibrary LIBRARY = GemmLibrary.load();
  private static final boolean ONE_DNN = LIBRARY.isOneDnn();
  private static final MethodHandle SGEMM = link(JAVA_LONG);
  private static final MethodHandle SGEMM_ON_HEAP = link(ADDRESS, Linker.Option.critical(true));
  private static final ThreadLocal<Boolean> ONE_THREAD =
      ThreadLocal.withInitial(NativeGemm::useOneThread);

  private NativeGemm() {}

  /** A call of sgemm whose first and last matrix are addresses as numbers, or segments. */
  @SuppressWarnings("restricted")
  private static MethodHandle link(MemoryLayout matrix, Linker.Option... options) {
    FunctionDescriptor oneDnn =
        FunctionDescriptor.of(
            JAVA_INT,
            JAVA_BYTE,
            JAVA_BYTE,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            matrix,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            matrix,
            JAVA_LONG);
    FunctionDescriptor cblas =
        FunctionDescriptor.ofVoid(
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_FLOAT,
            matrix,
            JAVA_INT,
            JAVA_LONG,
            JAVA_INT,
            JAVA_FLOAT,
            matrix,
            JAVA_INT);
    return Linker.nativeLinker().downcallHandle(LIBRARY.sgemm(), ONE_DNN ? oneDnn : cblas, options);
  }

  private static boolean useOneThread() {
    if (LIBRARY.setThreads() != null) {
      try {
        LIBRARY.setThreads().invokeExact(1);
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
  static void multiply(
      MatMul shape, long a, long aStride, long b, long bStride, long c, long cStride) {
    float beta = shape.add() ? 1 : 0;
    ONE_THREAD.get();
    try {
      if (ONE_DNN) {
        check(
            (int)
                SGEMM.invokeExact(
                    flag(shape.transposeA()),
                    flag(shape.transposeB()),
                    (long) shape.m(),
                    (long) shape.n(),
                    (long) shape.k(),
                    1f,
                    a,
                    aStride,
                    b,
                    bStride,
                    beta,
                    c,
                    cStride));
      } else {
        SGEMM.invokeExact(
            ROW_MAJOR,
            order(shape.transposeA()),
            order(shape.transposeB()),
            shape.m(),
            shape.n(),
            shape.k(),
            1f,
            a,
            (int) aStride,
            b,
            (int) bStride,
            beta,
            c,
            (int) cStride);
      }
    } catch (RuntimeException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Likewise, where a, c or both may be heap arrays, {@code MemorySegment.ofArray}. */
  static void multiply(
      MatMul shape,
      MemorySegment a,
      long aStride,
      long b,
      long bStride,
      MemorySegment c,
      long cStride) {
    float beta = shape.add() ? 1 : 0;
    ONE_THREAD.get();
    try {
      if (ONE_DNN) {
        check(
            (int)
                SGEMM_ON_HEAP.invokeExact(
                    flag(shape.transposeA()),
                    flag(shape.transposeB()),
                    (long) shape.m(),
                    (long) shape.n(),
                    (long) shape.k(),
                    1f,
                    a,
                    aStride,
                    b,
                    bStride,
                    beta,
                    c,
                    cStride));
      } else {
        SGEMM_ON_HEAP.invokeExact(
            ROW_MAJOR,
            order(shape.transposeA()),
            order(shape.transposeB()),
            shape.m(),
            shape.n(),
            shape.k(),
            1f,
            a,
            (int) aStride,
            b,
            (int) bStride,
            beta,
            c,
            (int) cStride);
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
