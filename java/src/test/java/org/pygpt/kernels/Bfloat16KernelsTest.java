package org.pygpt.kernels;

import static org.pygpt.tensor.DType.BFLOAT16;
import static org.pygpt.tensor.DType.FLOAT32;

import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.support.Tolerances;
import org.pygpt.tensor.Tensor;

/**
 * Backend cpu's kernels that work by rows: activations and their gradients are bfloat16;
 * parameters, their gradients and statistics are float32.
 */
@ParameterizedClass(name = "{0} threads")
@ValueSource(ints = {1, 3})
class Bfloat16KernelsTest {
  @AutoClose private final Kernels cpu;

  Bfloat16KernelsTest(int threads) {
    cpu = Backend.CPU.kernels(FLOAT32, threads);
  }

  /** Sums over rows are of terms that may be rounded or not, by a quarter of the tolerance. */
  private void compare(int rows, String what, BiConsumer<Kernels, Tensors> op) {
    double terms = Math.max(1, rows / 4.0);
    for (int padding : new int[] {0, 5}) {
      try (Tensors expected = new Tensors(FLOAT32, padding);
          Tensors got = new Tensors(FLOAT32, padding)) {
        op.accept(new PlainKernels(), expected);
        op.accept(cpu, got);
        got.assertClose(expected, Tolerances.BFLOAT16, terms, what + ", padding " + padding);
      }
    }
  }

  static Stream<Arguments> rowsAndColumns() {
    return Stream.of(1, 17, 64, 1021)
        .flatMap(columns -> Stream.of(1, 17).map(rows -> Arguments.of(rows, columns)));
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void norms(int rows, int C) {
    for (boolean centred : KernelsTest.NO_AND_YES) {
      compare(
          rows,
          "centred " + centred,
          (kernels, tensors) -> {
            Tensor weight = tensors.of(FLOAT32).input(1, C);
            Tensor bias = tensors.input(1, C);
            Tensor statistics = tensors.output(rows, 2);
            Gradient dWeight = new Gradient(tensors.output(1, C), true);
            Gradient dBias = new Gradient(tensors.output(1, C), false);
            Norm norm = new Norm(new NormSpec(centred, 1e-5), weight, bias);
            Tensor x = tensors.of(BFLOAT16).input(rows, C);
            Tensor out = tensors.output(rows, C);
            Tensor sum = tensors.output(rows, C);
            kernels.residualNorm(
                rows, new Residual(x, tensors.input(rows, C), bias, sum), norm, out, statistics);
            kernels.norm(rows, norm, x, out, statistics);
            Gradient dX = new Gradient(tensors.output(rows, C), centred);
            Tensor dOut = tensors.input(rows, C);
            kernels.normBackward(rows, norm, dOut, x, statistics, dX, dWeight, dBias);
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void activations(int rows, int F) {
    for (Activation kind : Activation.VECTORISED) {
      int in = kind.inputsPerOutput() * F;
      compare(
          rows,
          kind.toString(),
          (kernels, tensors) -> {
            Tensor bias = tensors.of(FLOAT32).input(1, in);
            Gradient dBias = new Gradient(tensors.output(1, in), true);
            Tensor x = tensors.of(BFLOAT16).input(rows, in);
            kernels.activation(kind, rows, x, bias, tensors.output(rows, F));
            Tensor dOut = tensors.input(rows, F);
            kernels.activationBackward(kind, rows, x, bias, dOut, tensors.output(rows, in), dBias);
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void biasesDropoutAndRotations(int rows, int columns) {
    compare(
        rows,
        "rows",
        (kernels, tensors) -> {
          int D = 2 * columns;
          Tensor bias = tensors.of(FLOAT32).input(1, D);
          Tensor angles = tensors.input(rows, D);
          Gradient dBias = new Gradient(tensors.output(1, D), true);
          DropoutMask mask = new DropoutMask(0.25);
          mask.setKey(7);
          Tensor x = tensors.of(BFLOAT16).input(rows, D);
          kernels.bias(rows, bias, tensors.output(rows, D));
          kernels.biasBackward(rows, x, dBias);
          kernels.residual(rows, new Residual(x, x, bias, tensors.output(rows, D)));
          kernels.dropout(rows, x, bias, mask, tensors.output(rows, D));
          kernels.dropoutBackward(rows, x, mask, tensors.output(rows, D));
          kernels.rotary(
              new Rotation(1, angles, true), new Positions(1, rows, 0), tensors.output(rows, D));
        });
  }
}
