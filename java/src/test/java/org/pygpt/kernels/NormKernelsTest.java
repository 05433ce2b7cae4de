package org.pygpt.kernels;

import static org.pygpt.support.Tolerances.ELEMENT;
import static org.pygpt.support.Tolerances.NORM_OF_LARGE_MEAN;
import static org.pygpt.support.Tolerances.SUMS_OF_SUMS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.Tensor;

/** Residual sums and norms of every backend against the plain kernels. */
class NormKernelsTest extends KernelsTest {
  NormKernelsTest(Backend backend, int threads) {
    super(backend, threads);
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void residual(int rows, int C) {
    for (boolean biased : NO_AND_YES) {
      for (int place = 0; place < 3; place++) { // of the sum: its own, that of x or of the branch
        int sum = place;
        compare(
            ELEMENT,
            "bias " + biased + ", place " + place,
            (kernels, tensors) -> {
              Tensor x = sum == 1 ? tensors.output(rows, C) : tensors.input(rows, C);
              Tensor branch = sum == 2 ? tensors.output(rows, C) : tensors.input(rows, C);
              Tensor bias = biased ? tensors.input(1, C) : null;
              Tensor[] places = {tensors.output(rows, C), x, branch};
              kernels.residual(rows, new Residual(x, branch, bias, places[sum]));
            });
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void norm(int rows, int C) {
    for (boolean centred : NO_AND_YES) {
      NormSpec spec = new NormSpec(centred, 1e-5);
      for (boolean gain : NO_AND_YES) {
        for (boolean biased : NO_AND_YES) {
          compare(
              SUMS_OF_SUMS,
              spec + ", gain " + gain + ", bias " + biased,
              (kernels, tensors) ->
                  kernels.norm(
                      rows,
                      new Norm(
                          spec,
                          gain ? tensors.input(1, C) : null,
                          biased ? tensors.input(1, C) : null),
                      tensors.input(rows, C),
                      tensors.output(rows, C),
                      tensors.output(rows, 2)));
        }
      }
    }
  }

  @Test
  void normOfLargeMeanKeepsItsVariance() {
    compare(
        NORM_OF_LARGE_MEAN,
        "mean 1000",
        (kernels, tensors) ->
            kernels.norm(
                17,
                new Norm(new NormSpec(true, 1e-5), null, null),
                tensors.input(17, 207, 1000, 1),
                tensors.output(17, 207),
                tensors.output(17, 2)));
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void residualNorm(int rows, int C) {
    for (boolean biased : NO_AND_YES) {
      compare(
          SUMS_OF_SUMS,
          "bias " + biased,
          (kernels, tensors) -> {
            Tensor branch = tensors.output(rows, C);
            kernels.residualNorm(
                rows,
                new Residual(
                    tensors.input(rows, C),
                    branch,
                    biased ? tensors.input(1, C) : null,
                    biased ? branch : tensors.output(rows, C)),
                new Norm(
                    new NormSpec(biased, 1e-5),
                    biased ? tensors.input(1, C) : null,
                    biased ? tensors.input(1, C) : null),
                tensors.output(rows, C),
                tensors.output(rows, 2));
          });
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void normBackward(int rows, int C) {
    for (boolean centred : NO_AND_YES) {
      NormSpec spec = new NormSpec(centred, 1e-5);
      for (boolean gain : NO_AND_YES) {
        for (boolean biased : NO_AND_YES) {
          for (boolean add : NO_AND_YES) {
            compare(
                SUMS_OF_SUMS,
                spec + ", gain " + gain + ", bias " + biased + ", add " + add,
                (kernels, tensors) -> {
                  Tensor x = tensors.input(rows, C);
                  Tensor weight = gain ? tensors.input(1, C) : null;
                  Tensor statistics = tensors.output(rows, 2);
                  kernels.norm(
                      rows, new Norm(spec, weight, null), x, tensors.output(rows, C), statistics);
                  kernels.normBackward(
                      rows,
                      new Norm(spec, weight, null),
                      tensors.input(rows, C),
                      x,
                      statistics,
                      Gradient.of(tensors.output(rows, C), add),
                      Gradient.of( // all four combinations of the two
                          gain ? tensors.output(1, C) : null, add != biased),
                      Gradient.of(biased ? tensors.output(1, C) : null, add != biased));
                });
          }
        }
      }
    }
  }
}
