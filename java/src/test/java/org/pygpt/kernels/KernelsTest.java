package org.pygpt.kernels;

import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;

/**
 * Every op of every backend against the plain kernels: whole arrays, dense and strided, with and
 * without each optional argument.
 */
@ParameterizedClass(name = "{0}, {1} threads")
@CsvSource({"CPU, 1", "CPU, 2", "CPU, 3", "ND4J, 1", "CUDA, 1"})
abstract class KernelsTest {
  static final boolean[] NO_AND_YES = {false, true};
  private static final Kernels PLAIN = new PlainKernels();

  @AutoClose private final Kernels kernels;

  KernelsTest(Backend backend, int threads) {
    kernels = backend.kernels(DType.FLOAT32, threads);
  }

  /** Compares an op that sums terms of the inputs' magnitude, 1. */
  final void compare(double tolerance, String what, BiConsumer<Kernels, Tensors> op) {
    compare(tolerance, 1, what, op);
  }

  /** Runs an op here and on the plain kernels, on equal tensors, and compares all of them. */
  final void compare(double tolerance, double terms, String what, BiConsumer<Kernels, Tensors> op) {
    for (int padding : new int[] {0, 5}) {
      try (Tensors expected = new Tensors(DType.FLOAT32, padding);
          Tensors got = new Tensors(kernels.device(), DType.FLOAT32, padding)) {
        op.accept(PLAIN, expected);
        op.accept(kernels, got);
        got.assertClose(expected, tolerance, terms, what + ", padding " + padding);
      }
    }
  }

  /** Rows and columns: ones, primes, and the vector width with its neighbours. */
  static Stream<Arguments> rowsAndColumns() {
    return Stream.of(1, 3, 7, 15, 16, 17, 64, 207, 1021)
        .flatMap(columns -> Stream.of(1, 3, 17).map(rows -> Arguments.of(rows, columns)));
  }
}
