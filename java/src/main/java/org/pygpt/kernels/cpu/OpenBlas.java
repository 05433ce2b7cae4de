package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.pygpt.kernels.cpu.GemmLibrary.NO_TRANSPOSE;
import static org.pygpt.kernels.cpu.GemmLibrary.ROW_MAJOR;
import static org.pygpt.kernels.cpu.GemmLibrary.TRANSPOSE;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Products with vectors by the OpenBLAS that ND4J brings, called through the foreign-function API.
 *
 * <p>{@code saxpy} and {@code sdot} read their vectors once, from front to back, which is how
 * memory is read fastest; {@code sgemv} reads several rows at once, and is for what lies in a
 * cache.
 *
 * <p>All run on the calling thread: OpenBLAS divides larger calls among threads of its own, so they
 * are made in parts. The calls are critical ones: a garbage collector waits until a worker's rows
 * are done, some milliseconds. Ordinary calls have fences, with which memory is read 3 to 10 %
 * slower.
 */
final class OpenBlas {
  /** Elements of a vector in one call: OpenBLAS's own threads begin above 10,000. */
  private static final int PART = 8192;

  /** Elements of a matrix in one call: OpenBLAS's own threads begin at 9,216. */
  private static final int MATRIX_PART = 8192;

  /** Rows of a matrix in one call: with more it takes a buffer that threads take turns for. */
  private static final int MOST_ROWS = 400;

  private static final SymbolLookup LIBRARY = GemmLibrary.openBlas();
  private static final MethodHandle SAXPY =
      link(
          "cblas_saxpy",
          FunctionDescriptor.ofVoid(JAVA_INT, JAVA_FLOAT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT),
          false);
  private static final MethodHandle SDOT =
      link(
          "cblas_sdot",
          FunctionDescriptor.of(JAVA_FLOAT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT),
          false);
  private static final MethodHandle SGEMV =
      link(
          "cblas_sgemv",
          FunctionDescriptor.ofVoid(
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_FLOAT,
              JAVA_LONG,
              JAVA_INT,
              ADDRESS,
              JAVA_INT,
              JAVA_FLOAT,
              ADDRESS,
              JAVA_INT),
          true);

  private OpenBlas() {}

  @SuppressWarnings("restricted")
  private static MethodHandle link(
      String name, FunctionDescriptor signature, boolean allowHeapAccess) {
    Linker.Option critical = Linker.Option.critical(allowHeapAccess);
    return Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), signature, critical);
  }

  /** y += factor * x, of n elements; x and y are addresses. x is not read where factor is 0. */
  static void add(int n, float factor, long x, long y) {
    try {
      for (int i = 0; i < n; i += PART) {
        SAXPY.invokeExact(Math.min(PART, n - i), factor, x + 4L * i, 1, y + 4L * i, 1);
      }
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** The sum of x[i] * y[i], of n elements; x and y are addresses. */
  static float dot(int n, long x, long y) {
    float sum = 0;
    try {
      for (int i = 0; i < n; i += PART) {
        sum += (float) SDOT.invokeExact(Math.min(PART, n - i), x + 4L * i, 1, y + 4L * i, 1);
      }
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    return sum;
  }

  /**
   * y = factor * a @ x: the products of a vector with each row of a matrix.
   *
   * @param a address of (rows, columns), row-major, rows {@code stride} elements apart
   * @param x (columns), off the heap
   * @param y (rows), written; may lie in a heap array
   */
  static void rowProducts(
      int rows, int columns, float factor, long a, int stride, MemorySegment x, MemorySegment y) {
    if (columns > MATRIX_PART) {
      for (int row = 0; row < rows; row++) {
        y.setAtIndex(JAVA_FLOAT, row, factor * dot(columns, a + 4L * row * stride, x.address()));
      }
      return;
    }
    int part = Math.min(MATRIX_PART / columns, MOST_ROWS);
    for (int row = 0; row < rows; row += part) {
      int count = Math.min(part, rows - row);
      long matrix = a + 4L * row * stride;
      gemv(NO_TRANSPOSE, count, columns, factor, matrix, stride, x, 0, y.asSlice(4L * row));
    }
  }

  /**
   * y = x @ a, (rows) @ (rows, columns): the sum of a matrix's rows, each times its factor.
   *
   * @param a address of (rows, columns), row-major, rows {@code stride} elements apart
   * @param x (rows), may lie in a heap array
   * @param y (columns), written, off the heap
   */
  static void sumOfRows(
      int rows, int columns, long a, int stride, MemorySegment x, MemorySegment y) {
    if (columns > MATRIX_PART) {
      MemorySegment rest = MemorySegment.ofAddress(y.address() + 4L * MATRIX_PART);
      sumOfRows(rows, MATRIX_PART, a, stride, x, y);
      sumOfRows(rows, columns - MATRIX_PART, a + 4L * MATRIX_PART, stride, x, rest);
      return;
    }
    int part = Math.min(MATRIX_PART / columns, MOST_ROWS);
    for (int row = 0; row < rows; row += part) {
      int count = Math.min(part, rows - row);
      long matrix = a + 4L * row * stride;
      float kept = row == 0 ? 0 : 1; // of y
      gemv(TRANSPOSE, count, columns, 1, matrix, stride, x.asSlice(4L * row), kept, y);
    }
  }

  private static void gemv(
      int transpose,
      int rows,
      int columns,
      float factor,
      long a,
      int stride,
      MemorySegment x,
      float kept,
      MemorySegment y) {
    try {
      SGEMV.invokeExact(ROW_MAJOR, transpose, rows, columns, factor, a, stride, x, 1, kept, y, 1);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
