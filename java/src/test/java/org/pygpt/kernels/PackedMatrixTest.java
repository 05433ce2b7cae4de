package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.SUM;

import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** Products by packed copies against the plain product by the rounded weights themselves. */
@ParameterizedClass(name = "{0} threads")
@ValueSource(ints = {1, 2, 3, 17}) // with so many some have nothing to do
class PackedMatrixTest {
  @AutoClose private final Kernels kernels;

  PackedMatrixTest(int threads) {
    kernels = Backend.CPU.kernels(DType.FLOAT32, threads);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 17, 3",
    "2, 3, 7",
    "3, 63, 17",
    "5, 64, 16",
    "7, 65, 15",
    "8, 131, 37",
    "1, 207, 1021",
    "2, 1021, 257",
    "8, 521, 67"
  })
  void multiplies(int rows, int out, int in) {
    multiplies(rows, out, in, true);
  }

  /** More rows, where a copy takes them: of every size of block, and several blocks. */
  @ParameterizedTest
  @CsvSource({"9, 131, 67", "31, 17, 207", "64, 131, 37", "129, 65, 17", "300, 67, 131"})
  void multipliesManyRows(int rows, int out, int in) {
    multiplies(rows, out, in, false);
  }

  private void multiplies(int rows, int out, int in, boolean few) {
    for (WeightFormat format : WeightFormat.values()) {
      for (boolean outputsAreRows : new boolean[] {false, true}) {
        for (int padding : new int[] {0, 5}) {
          String what = format + ", outputs are rows " + outputsAreRows + ", padding " + padding;
          try (Tensors expected = new Tensors(DType.FLOAT32, padding);
              Tensors got = new Tensors(DType.FLOAT32, padding)) {
            Tensor weight = weight(expected, outputsAreRows, out, in);
            new QuantizedMatrix(format, weight, outputsAreRows).apply();
            Tensor x = expected.input(rows, in);
            Tensor product = expected.output(rows, out);
            multiply(outputsAreRows, rows, x, weight, product);
            QuantizedMatrix matrix =
                new QuantizedMatrix(format, weight(got, outputsAreRows, out, in), outputsAreRows);
            matrix.apply();
            Tensor gotX = got.input(rows, in);
            Tensor gotProduct = got.output(rows, out);
            try (PackedMatrix packed = kernels.pack(matrix)) {
              if (few || rows <= packed.mostRows()) {
                packed.multiply(rows, gotX, gotProduct);
                got.assertClose(expected, SUM, 1, what);
              }
              if (packed.canRound()) {
                packed.multiplyRounded(rows, gotX, gotProduct);
                round(format, rows, x);
                multiply(outputsAreRows, rows, x, weight, product);
                round(format, rows, gotX); // which the product has left as it was
                got.assertClose(expected, SUM, 1, what + ", rounded");
              }
            }
          }
        }
      }
    }
  }

  private static void multiply(
      boolean outputsAreRows, int rows, Tensor x, Tensor weight, Tensor product) {
    int in = x.columns();
    int out = product.columns();
    new PlainKernels()
        .gemm(new MatMul(rows, out, in, false, outputsAreRows, false), x, weight, product);
  }

  /** Rounds each row as the weights are: with many rows their products are of such numbers. */
  private static void round(WeightFormat format, int rows, Tensor x) {
    double[] values = new double[x.columns()];
    for (int row = 0; row < rows; row++) {
      x.readRow(row, values);
      float largest = 0;
      for (double value : values) {
        largest = Math.max(largest, (float) Math.abs(value));
      }
      float scale = largest / 127;
      for (int i = 0; i < values.length; i++) {
        float value = (float) values[i];
        values[i] =
            format == WeightFormat.BFLOAT16
                ? DType.fromBfloat16(DType.toBfloat16(value))
                : Math.rint(value * (1 / scale)) * (double) scale;
      }
      x.writeRow(row, values);
    }
  }

  private static Tensor weight(Tensors tensors, boolean outputsAreRows, int out, int in) {
    return outputsAreRows ? tensors.whole(out, in) : tensors.whole(in, out);
  }

  /** A row has the same bits alone and among others, whatever their number. */
  @ParameterizedTest
  @CsvSource({"67, 331", "768, 131"})
  void rowsDoNotDependOnEachOther(int in, int out) {
    for (WeightFormat format : WeightFormat.values()) {
      try (Tensors tensors = new Tensors(DType.FLOAT32, 0);
          PackedMatrix packed =
              kernels.pack(new QuantizedMatrix(format, tensors.whole(in, out), false))) {
        for (int rows : new int[] {2, PackedMatrix.MOST_ROWS, 13, 32, 61, 150}) {
          if (rows <= packed.mostRows()) {
            assertRowsAlone(tensors, rows, in, out, packed::multiply);
          }
        }
      }
    }
  }

  /** Likewise where the weights are float32: of matrices in every range of sizes. */
  @ParameterizedTest
  @CsvSource({"31, 37", "131, 257", "521, 1031"})
  void rowsOfGemmDoNotDependOnEachOther(int in, int out) {
    for (boolean outputsAreRows : new boolean[] {false, true}) {
      try (Tensors tensors = new Tensors(DType.FLOAT32, 0)) {
        Tensor weight = weight(tensors, outputsAreRows, out, in);
        assertRowsAlone(
            tensors,
            PackedMatrix.MOST_ROWS,
            in,
            out,
            (rows, x, product) ->
                kernels.gemm(
                    new MatMul(rows, out, in, false, outputsAreRows, false), x, weight, product));
      }
    }
  }

  /** Float32 too: more outputs or inputs than a native call takes, and fewer than workers. */
  @ParameterizedTest
  @CsvSource({"1, 64, 4099", "2, 17, 8209", "1, 8209, 67", "3, 8209, 3", "8, 1021, 257"})
  void multipliesFewRows(int rows, int in, int out) {
    double tolerance = SUM * Math.sqrt(Math.max(1, in / 1021.0)); // SUM is for 1021 terms
    for (boolean outputsAreRows : new boolean[] {false, true}) {
      try (Tensors expected = new Tensors(DType.FLOAT32, 5);
          Tensors got = new Tensors(DType.FLOAT32, 5)) {
        multiply(new PlainKernels(), expected, outputsAreRows, rows, in, out);
        multiply(kernels, got, outputsAreRows, rows, in, out);
        got.assertClose(expected, tolerance, 1, "outputs are rows " + outputsAreRows);
      }
    }
  }

  private static void multiply(
      Kernels kernels, Tensors tensors, boolean outputsAreRows, int rows, int in, int out) {
    Tensor weight = weight(tensors, outputsAreRows, out, in);
    Tensor x = tensors.input(rows, in);
    Tensor product = tensors.output(rows, out);
    kernels.gemm(new MatMul(rows, out, in, false, outputsAreRows, false), x, weight, product);
  }

  /** A product of so many rows. */
  private interface Product {
    void multiply(int rows, Tensor x, Tensor out);
  }

  private static void assertRowsAlone(Tensors tensors, int rows, int in, int out, Product product) {
    Tensor x = tensors.input(rows, in);
    Tensor together = tensors.output(rows, out);
    Tensor alone = tensors.output(1, out);
    product.multiply(rows, x, together);
    for (int row = 0; row < rows; row++) {
      product.multiply(1, x.rows(row, 1), alone);
      for (int c = 0; c < out; c++) {
        assertEquals(
            HostMemory.get(alone, 0, c),
            HostMemory.get(together, row, c),
            "row " + row + ", output " + c);
      }
    }
  }
}
