package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.invoke.MethodHandles.explicitCastArguments;
import static java.lang.invoke.MethodHandles.insertArguments;
import static java.lang.invoke.MethodType.methodType;
import static org.pygpt.kernels.cpu.GemmLibrary.NO_TRANSPOSE;
import static org.pygpt.kernels.cpu.GemmLibrary.ROW_MAJOR;
import static org.pygpt.kernels.cpu.GemmLibrary.TRANSPOSE;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
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
  private static final byte PLAIN = (byte) (LIBRARY.isOneDnn() ? 'N' : NO_TRANSPOSE);
  private static final byte TRANSPOSED = (byte) (LIBRARY.isOneDnn() ? 'T' : TRANSPOSE);
  private static final MethodHandle SGEMM = link(JAVA_LONG);
  private static final MethodHandle SGEMM_ON_HEAP = link(ADDRESS, Linker.Option.critical(true));
  private static final ThreadLocal<Boolean> ONE_THREAD =
      ThreadLocal.withInitial(NativeGemm::setOneThread);

  private NativeGemm() {}

  /** The library that is loaded. */
  static GemmLibrary library() {
    return LIBRARY;
  }

  /** Makes the library's calls from this thread run on it alone. */
  static void useOneThread() {
    ONE_THREAD.get();
  }

  /**
   * A call of sgemm whose first and last matrix are addresses as numbers, or segments: (transposeA,
   * transposeB, m, n, k, alpha, a, aStride, b, bStride, beta, c, cStride) -> status, with oneDNN's
   * types; those of OpenBLAS are converted.
   */
  @SuppressWarnings("restricted")
  private static MethodHandle link(MemoryLayout matrix, Linker.Option... options) {
    boolean isOneDnn = LIBRARY.isOneDnn();
    MemoryLayout flag = isOneDnn ? JAVA_BYTE : JAVA_INT;
    MemoryLayout size = isOneDnn ? JAVA_LONG : JAVA_INT;
    MemoryLayout[] layouts = {
      flag,
      flag,
      size,
      size,
      size,
      JAVA_FLOAT,
      matrix,
      size,
      JAVA_LONG,
      size,
      JAVA_FLOAT,
      matrix,
      size
    };
    FunctionDescriptor signature =
        isOneDnn
            ? FunctionDescriptor.of(JAVA_INT, layouts)
            : FunctionDescriptor.ofVoid(layouts).insertArgumentLayouts(0, JAVA_INT);
    MethodHandle sgemm = Linker.nativeLinker().downcallHandle(LIBRARY.sgemm(), signature, options);
    Class<?> address = matrix == JAVA_LONG ? long.class : MemorySegment.class;
    MethodType type =
        methodType(int.class, byte.class, byte.class, long.class, long.class, long.class)
            .appendParameterTypes(float.class, address, long.class, long.class, long.class)
            .appendParameterTypes(float.class, address, long.class);
    return explicitCastArguments(isOneDnn ? sgemm : insertArguments(sgemm, 0, ROW_MAJOR), type);
  }

  private static boolean setOneThread() {
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
    useOneThread();
    int status;
    try {
      status =
          (int)
              SGEMM.invokeExact(
                  shape.transposeA() ? TRANSPOSED : PLAIN,
                  shape.transposeB() ? TRANSPOSED : PLAIN,
                  (long) shape.m(),
                  (long) shape.n(),
                  (long) shape.k(),
                  1f,
                  a,
                  aStride,
                  b,
                  bStride,
                  shape.add() ? 1f : 0f,
                  c,
                  cStride);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    check(status);
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
    useOneThread();
    int status;
    try {
      status =
          (int)
              SGEMM_ON_HEAP.invokeExact(
                  shape.transposeA() ? TRANSPOSED : PLAIN,
                  shape.transposeB() ? TRANSPOSED : PLAIN,
                  (long) shape.m(),
                  (long) shape.n(),
                  (long) shape.k(),
                  1f,
                  a,
                  aStride,
                  b,
                  bStride,
                  shape.add() ? 1f : 0f,
                  c,
                  cStride);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    check(status);
  }

  private static void check(int status) {
    if (status != 0) {
      throw new IllegalStateException("dnnl_sgemm failed with status " + status);
    }
  }
}
