package org.pygpt.kernels;

import static org.pygpt.support.Tolerances.ELEMENT;
import static org.pygpt.support.Tolerances.SUM;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.Tensor;

/** Linear layers and embeddings of every backend against the plain kernels. */
class LinearKernelsTest extends KernelsTest {
  LinearKernelsTest(Backend backend, int threads) {
    super(backend, threads);
  }

  // ---- linear layers
  // ------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 17, 3",
    "17, 1, 3",
    "3, 5, 1",
    "2, 3, 5",
    "15, 16, 17",
    "16, 16, 16",
    "17, 15, 16",
    "1, 207, 64",
    "64, 1, 207",
    "3, 7, 1021",
    "16, 64, 27",
    "31, 67, 37",
    "64, 64, 64",
    "129, 67, 131",
    "131, 257, 61",
    "1, 131, 127",
    "8, 127, 137",
    "1, 769, 1021",
    "3, 1021, 523",
    "8, 521, 1021"
  })
  void gemm(int m, int n, int k) {
    for (boolean transposeA : NO_AND_YES) {
      for (boolean transposeB : NO_AND_YES) {
        for (boolean add : NO_AND_YES) {
          compare(
              SUM,
              "transposed " + transposeA + ", " + transposeB + ", add " + add,
              (kernels, tensors) -> {
                Tensor a = transposeA ? tensors.input(k, m) : tensors.input(m, k);
                Tensor b = transposeB ? tensors.input(n, k) : tensors.input(k, n);
                Tensor c = tensors.output(m, n);
                kernels.gemm(new MatMul(m, n, k, transposeA, transposeB, add), a, b, c);
              });
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void bias(int rows, int C) {
    compare(
        ELEMENT,
        "bias",
        (kernels, tensors) -> kernels.bias(rows, tensors.input(1, C), tensors.output(rows, C)));
  }

  @ParameterizedTest
  @MethodSource("rowsAndColumns")
  void biasBackward(int rows, int C) {
    for (boolean add : NO_AND_YES) {
      compare(
          SUM,
          "add " + add,
          (kernels, tensors) ->
              kernels.biasBackward(
                  rows, tensors.input(rows, C), Gradient.of(tensors.output(1, C), add)));
    }
  }

  @Test
  void biasBackwardOfManyRows() {
    compare(
        SUM,
        "many rows",
        (kernels, tensors) ->
            kernels.biasBackward(
                1021, tensors.input(1021, 67), Gradient.of(tensors.output(1, 67), false)));
  }

  // ---- embedding
  // ----------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0",
    "1, 5, 3, 2",
    "2, 3, 7, 0",
    "3, 5, 16, 0",
    "3, 17, 17, 0",
    "2, 5, 207, 0",
    "1, 1, 1021, 5",
    "3, 67, 97, 0"
  })
  void embedding(int B, int T, int C, int past) {
    int V = 11;
    for (boolean positions : NO_AND_YES) {
      compare(
          ELEMENT,
          "positions " + positions,
          (kernels, tensors) ->
              kernels.embedding(
                  new Positions(B, T, past),
                  tensors.integers(B * T, 0, V),
                  tensors.input(V, C),
                  positions ? tensors.input(past + T, C) : null,
                  tensors.output(B * T, C)));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 5, 3",
    "2, 3, 7",
    "3, 5, 16",
    "3, 17, 17",
    "2, 5, 207",
    "13, 67, 5",
    "13, 67, 37"
  })
  void embeddingBackward(int B, int T, int C) {
    int V = 11; // fewer than tokens: many are equal
    for (boolean positions : NO_AND_YES) {
      for (boolean addWte : NO_AND_YES) {
        for (boolean addWpe : NO_AND_YES) {
          compare(
              SUM,
              "positions " + positions + ", add " + addWte + ", " + addWpe,
              (kernels, tensors) ->
                  kernels.embeddingBackward(
                      new Positions(B, T, 0),
                      tensors.integers(B * T, 0, V),
                      tensors.input(B * T, C),
                      Gradient.of(tensors.whole(V, C), addWte),
                      Gradient.of(positions ? tensors.whole(T + 2, C) : null, addWpe)));
        }
      }
    }
  }
}
