package org.pygpt.kernels;

import static org.pygpt.support.Tolerances.ELEMENT;
import static org.pygpt.support.Tolerances.EXACT;
import static org.pygpt.support.Tolerances.SUM;
import static org.pygpt.support.Tolerances.SUMS_OF_SUMS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/** Loss and optimizer of every backend against the plain kernels. */
class OptimizerKernelsTest extends KernelsTest {
  OptimizerKernelsTest(Backend backend, int threads) {
    super(backend, threads);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0",
    "1, 3, -1",
    "3, 7, 0",
    "17, 15, -1",
    "17, 16, 0",
    "3, 17, -2",
    "64, 27, 0",
    "3, 207, -1",
    "67, 1021, -100"
  })
  void crossEntropy(int rows, int V, int lowest) {
    for (int place = 0; place < 3; place++) { // of the gradient: its own, that of the logits, none
      int gradient = place;
      for (double deviation : new double[] {1, 20}) {
        compare(
            SUMS_OF_SUMS,
            1.0 / rows, // the gradient is that of a mean
            "place " + place + ", deviation " + deviation,
            (kernels, tensors) -> {
              Tensor targets = tensors.integers(rows, lowest, V);
              Tensor logits = tensors.input(rows, V, 0, deviation);
              Tensor dLogits = gradient == 2 ? null : tensors.output(rows, V);
              if (gradient == 1) {
                kernels.copy(rows, logits, dLogits, 0);
                logits = dLogits;
              }
              tensors.result(
                  kernels.crossEntropy(rows, logits, CrossEntropy.mean(targets, dLogits)));
            });
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 2", "3, 207", "67, 1021"})
  void crossEntropyOfWeightedRows(int rows, int V) {
    for (boolean trains : new boolean[] {false, true}) {
      compare(
          SUMS_OF_SUMS,
          "gradient " + trains,
          (kernels, tensors) ->
              tensors.result(
                  kernels.crossEntropy(
                      rows,
                      tensors.input(rows, V),
                      new CrossEntropy(
                          tensors.integers(rows, -1, V),
                          tensors.input(rows, 1),
                          tensors.output(rows, 1),
                          trains ? tensors.output(rows, V) : null))));
    }
  }

  @Test
  void crossEntropyWithoutAnyTargetIsZero() {
    compare(
        EXACT,
        "no targets",
        (kernels, tensors) ->
            tensors.result(
                kernels.crossEntropy(
                    3,
                    tensors.input(3, 7),
                    CrossEntropy.mean(tensors.integers(3, -5, 0), tensors.output(3, 7)))));
  }

  @ParameterizedTest
  @CsvSource({"1", "15", "16", "17", "1021", "300007"})
  void sumOfSquares(int length) {
    compare(
        SUM,
        "length",
        (kernels, tensors) -> tensors.result(kernels.sumOfSquares(flat(tensors.input(1, length)))));
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "0, 15", "0, 16", "7, 24", "16, 33", "207, 1228", "17, 300007"})
  void adamW(int from, int to) {
    for (double decay : new double[] {0, 0.1}) {
      AdamStep step = new AdamStep(0.01, 0.9, 0.95, 1e-8, decay, 1.5, 2.5, 0.25);
      compare(
          ELEMENT,
          "decay " + decay,
          (kernels, tensors) ->
              kernels.adamW(
                  step,
                  tensors.flat(to).part(from, to - from),
                  tensors.flat(to).part(from, to - from),
                  tensors.flat(to).part(from, to - from),
                  tensors.flat(to).part(from, to - from)));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "7, 24", "16, 33", "17, 300007"})
  void addScaled(int from, int to) {
    for (int factor : new int[] {1, -1}) {
      for (boolean add : NO_AND_YES) {
        for (boolean rounded : NO_AND_YES) {
          compare(
              EXACT,
              "factor " + factor + ", add " + add + ", rounded " + rounded,
              (kernels, tensors) -> {
                Flat x = tensors.flat(to).part(from, to - from);
                Flat sum = tensors.flat(to).part(from, to - from);
                kernels.addScaled(factor, x, sum, add, rounded);
                kernels.addScaled(1, sum, sum, false, true); // the same elements
              });
        }
      }
    }
  }

  /** The elements of a tensor of one row. */
  private static Flat flat(Tensor tensor) {
    return new Flat(tensor.memory(), tensor.dtype(), tensor.offset(), tensor.columns());
  }
}
