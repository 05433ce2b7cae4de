package org.pygpt.kernels;

import static org.pygpt.support.Tolerances.ELEMENT;
import static org.pygpt.support.Tolerances.EXACT;
import static org.pygpt.support.Tolerances.SUM;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.Tensor;

/** Element-wise kernels of every backend against the plain ones. */
class ElementKernelsTest extends KernelsTest {
  ElementKernelsTest(Backend backend, int threads) {
    super(backend, threads);
  }

  /** Every activation: one column, around the vector width, rows that are shared out. */
  static Stream<Arguments> activations() {
    int[][] sizes = {{3, 1}, {1, 15}, {3, 16}, {17, 17}, {3, 207}, {17, 1021}};
    return Stream.of(Activation.values())
        .flatMap(kind -> Stream.of(sizes).map(size -> Arguments.of(kind, size[0], size[1])));
  }

  @ParameterizedTest
  @MethodSource("activations")
  void activation(Activation kind, int rows, int F) {
    int in = kind.inputsPerOutput() * F;
    for (boolean biased : NO_AND_YES) {
      compare(
          ELEMENT,
          "bias " + biased,
          (kernels, tensors) ->
              kernels.activation(
                  kind,
                  rows,
                  tensors.input(rows, in, 0, 2),
                  biased ? tensors.input(1, in) : null,
                  tensors.output(rows, F)));
    }
  }

  @ParameterizedTest
  @MethodSource("activations")
  void activationBackward(Activation kind, int rows, int F) {
    int in = kind.inputsPerOutput() * F;
    for (boolean biased : NO_AND_YES) {
      for (boolean add : NO_AND_YES) {
        boolean inPlace = add && in == F;
        compare(
            SUM,
            "bias " + biased + ", add " + add + ", in place " + inPlace,
            (kernels, tensors) -> {
              Tensor dOut = inPlace ? tensors.output(rows, F) : tensors.input(rows, F);
              kernels.activationBackward(
                  kind,
                  rows,
                  tensors.input(rows, in, 0, 2),
                  biased ? tensors.input(1, in) : null,
                  dOut,
                  inPlace ? dOut : tensors.output(rows, in),
                  Gradient.of(biased ? tensors.output(1, in) : null, add));
            });
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationOfLargeNumbers(Activation kind) {
    int in = kind.inputsPerOutput() * 67;
    compare(
        ELEMENT,
        "deviation 100",
        (kernels, tensors) -> {
          Tensor x = tensors.input(3, in, 0, 100);
          kernels.activation(kind, 3, x, null, tensors.output(3, 67));
          Tensor dX = tensors.output(3, in);
          kernels.activationBackward(kind, 3, x, null, tensors.input(3, 67), dX, null);
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0, 1, 2",
    "1, 1, 6, 3, 8",
    "5, 5, 0, 1, 16",
    "6, 3, 0, 2, 14",
    "34, 17, 0, 5, 2",
    "15, 5, 0, 3, 64",
    "102, 51, 0, 5, 64"
  })
  void rotary(int rows, int T, int past, int heads, int D) {
    for (boolean inverse : NO_AND_YES) {
      compare(
          ELEMENT,
          "inverse " + inverse,
          (kernels, tensors) -> {
            Tensor angles = tensors.input(past + T, D);
            Tensor x = tensors.output(rows, (heads + 1) * D); // values, too, which do not turn
            kernels.rotary(
                new Rotation(heads, angles, inverse), new Positions((rows) / (T), T, past), x);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0, 1, 6, 2", "34, 17, 0, 5, 16, 4", "15, 5, 3, 3, 64, 48"})
  void rotaryOfAPartOfHeads(int rows, int T, int past, int heads, int D, int R) {
    for (boolean inverse : NO_AND_YES) {
      compare(
          ELEMENT,
          "inverse " + inverse,
          (kernels, tensors) -> {
            Tensor angles = tensors.input(past + T, R);
            Tensor x = tensors.output(rows, (heads + 1) * D);
            Rotation rotation = new Rotation(heads, D, angles, inverse);
            kernels.rotary(rotation, new Positions(rows / T, T, past), x);
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void scale(int rows, int C) {
    for (boolean inPlace : NO_AND_YES) {
      compare(
          ELEMENT,
          "in place " + inPlace,
          (kernels, tensors) -> {
            Tensor x = inPlace ? tensors.output(rows, C) : tensors.input(rows, C);
            kernels.scale(rows, 0.3, x, inPlace ? x : tensors.output(rows, C));
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void dropout(int rows, int C) {
    for (boolean biased : NO_AND_YES) {
      for (boolean inPlace : NO_AND_YES) {
        compare(
            ELEMENT,
            "bias " + biased + ", in place " + inPlace,
            (kernels, tensors) -> {
              DropoutMask mask = new DropoutMask(0.3);
              mask.setKey(0x123456789abcdefL);
              Tensor x = inPlace ? tensors.output(rows, C) : tensors.input(rows, C);
              Tensor bias = biased ? tensors.input(1, C) : null;
              kernels.dropout(rows, x, bias, mask, inPlace ? x : tensors.output(rows, C));
              Tensor dOut = inPlace ? tensors.output(rows, C) : tensors.input(rows, C);
              kernels.dropoutBackward(rows, dOut, mask, inPlace ? dOut : tensors.output(rows, C));
            });
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void copy(int rows, int C) {
    compare(
        EXACT,
        "copy",
        (kernels, tensors) ->
            kernels.copy(rows, tensors.input(rows, C), tensors.output(rows + 2, C), 2));
  }
}
