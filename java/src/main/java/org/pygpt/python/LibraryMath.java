package org.pygpt.python;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * The C library's logarithm, sine and cosine, which CPython's {@code math} calls too.
 *
 * <p>The last bit of these functions is each library's own: of a million arguments, {@link
 * StrictMath} and glibc differ in 7 % for the logarithm and in 3 % for sine and cosine.
 */
final class LibraryMath {
  private static final MethodHandle LOG = function("log");
  private static final MethodHandle SIN = function("sin");
  private static final MethodHandle COS = function("cos");

  private LibraryMath() {}

  @SuppressWarnings("restricted") // the three functions have this signature in every C library
  private static MethodHandle function(String name) {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor signature = FunctionDescriptor.of(JAVA_DOUBLE, JAVA_DOUBLE);
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature);
  }

  static double log(double x) {
    return call(LOG, x);
  }

  static double sin(double x) {
    return call(SIN, x);
  }

  static double cos(double x) {
    return call(COS, x);
  }

  private static double call(MethodHandle function, double x) {
    try {
      return (double) function.invokeExact(x);
    } catch (Throwable error) { // the handle declares it, a C function cannot throw
      throw new AssertionError(error);
    }
  }
}
