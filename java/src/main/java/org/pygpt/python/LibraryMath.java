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
public enum LibraryMath {
  LOG("log"),
  SIN("sin"),
  COS("cos");

  private final MethodHandle function;

  @SuppressWarnings("restricted") // the three functions have this signature in every C library
  LibraryMath(String name) {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor signature = FunctionDescriptor.of(JAVA_DOUBLE, JAVA_DOUBLE);
    function = linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature);
  }

  /** The function of {@code x}. */
  public double of(double x) {
    try {
      return (double) function.invokeExact(x);
    } catch (Throwable error) { // the handle declares it, a C function cannot throw
      throw new AssertionError(error);
    }
  }
}
