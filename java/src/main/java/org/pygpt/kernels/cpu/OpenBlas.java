package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
 * are made in parts. A part takes some microseconds, during which the garbage collector waits.
 */
final class OpenBlas {
  /** Elements of a vector at most: OpenBLAS's own threads begin above 10,000. */
  private static final int MOST = 4096; // and what is added to stays in the first-level cache

  /** Elements of a matrix at most: OpenBLAS's own threads begin at 9,216. */
  private static final int MOST_OF_MATRIX = 8192;

  private static final int ROW_MAJOR = 101; // enum CBLAS_ORDER
  private static final int NO_TRANSPOSE = 111; // enum CBLAS_TRANSPOSE
  private static final int TRANSPOSE = 112;

  private static final SymbolLookup LIBRARY = GemmLibrary.openBlas();
  private static final MethodHandle SAXPY =
      link(
          "cblas_saxpy",
          FunctionDescriptor.ofVoid(
              JAVA_INT, JAVA_FLOAT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SDOT =
      link(
          "cblas_sdot",
          FunctionDescriptor.of(JAVA_FLOAT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
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
              JAVA_INT));

  private OpenBlas() {}

  @SuppressWarnings("restricted")
  private static MethodHandle link(String name, FunctionDescriptor signature) {
    return Linker.nativeLinker()
        .downcallHandle(LIBRARY.findOrThrow(name), signature, Linker.Option.critical(true));
  }

  /** y += factor * x, of n elements; x and y are addresses. */
  static void add(int n, float factor, long x, long y) {
    try {
      for (int i = 0; i < n; i += MOST) {
        SAXPY.invokeExact(Math.min(MOST, n - i), factor, x + 4L * i, 1, y + 4L * i, 1);
      }
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** The sum of x[i] * y[i], of n elements; x and y are addresses. */
  static float dot(int n, long x, long y) {
    float sum = 0;
    try {
      for (int i = 0; i < n; i += MOST) {
        sum += (float) SDOT.invokeExact(Math.min(MOST, n - i), x + 4L * i, 1, y + 4L * i, 1);
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
   * @param x (columns), may lie in a heap array, as y
   * @param y (rows), written
   */
  static void rowProducts(
      int rows, int columns, float factor, long a, int stride, MemorySegment x, MemorySegment y) {
    int part = MOST_OF_MATRIX / columns;
    for (int row = 0; row < rows; row += part) {
      int count = Math.min(part, rows - row);
      long matrix = a + 4L * row * stride;
      gemv(NO_TRANSPOSE, count, columns, factor, matrix, stride, x, 0, y.asSlice(4L * row));
    }
  }

  /** y = x @ a, (rows) @ (rows, columns): the sum of a matrix's rows, each times its factor. */
  static void sumOfRows(
      int rows, int columns, long a, int stride, MemorySegment x, MemorySegment y) {
    int part = MOST_OF_MATRIX / columns;
    for (int row = 0; row < rows; row += part) {
      int count = Math.min(part, rows - row);
      long matrix = a + 4L * row * stride;
      float kept = row == 0 ? 0 : 1;
      gemv(TRANSPOSE, count, columns, 1, matrix, stride, x.asSlice(4L * row), kept, y);
    }
  }

  private static void gemv(
      int order,
      int rows,
      int columns,
      float factor,
      long a,
      int stride,
      MemorySegment x,
      float kept,
      MemorySegment y) {
    try {
      SGEMV.invokeExact(ROW_MAJOR, order, rows, columns, factor, a, stride, x, 1, kept, y, 1);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
