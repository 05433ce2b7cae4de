package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.pygpt.support.Tolerances.SUM;

import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/** Products of few rows by bfloat16 copies on a card against the rounded weights themselves. */
class CudaMatrixTest {
  @AutoClose private final Kernels kernels = Backend.CUDA.kernels(DType.FLOAT32, 1);

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 17, 3", "3, 63, 31", "8, 131, 67", "2, 257, 207"})
  void multiplies(int rows, int out, int in) {
    for (boolean outputsAreRows : KernelsTest.NO_AND_YES) {
      for (int padding : new int[] {0, 5}) {
        try (Tensors expected = new Tensors(DType.FLOAT32, padding);
            Tensors got = new Tensors(kernels.device(), DType.FLOAT32, padding)) {
          Tensor weight = weight(expected, outputsAreRows, out, in);
          new QuantizedMatrix(WeightFormat.BFLOAT16, weight, outputsAreRows).apply();
          Tensor x = expected.input(rows, in);
          MatMul shape = new MatMul(rows, out, in, false, outputsAreRows, false);
          new PlainKernels().gemm(shape, x, weight, expected.output(rows, out));
          QuantizedMatrix matrix =
              new QuantizedMatrix(
                  WeightFormat.BFLOAT16, weight(got, outputsAreRows, out, in), outputsAreRows);
          matrix.apply();
          assertEquals(2L * in * out, kernels.packedBytes(matrix.format(), in, out));
          x = got.input(rows, in);
          try (PackedMatrix packed = kernels.pack(matrix)) {
            packed.multiply(rows, x, got.output(rows, out));
            got.assertClose(expected, SUM, 1, "outputs are rows " + outputsAreRows);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"INT8", "INT4"})
  void whatIsNotPackedIsReadAsItIs(WeightFormat format) {
    try (Tensors tensors = new Tensors(kernels.device(), DType.FLOAT32, 0)) {
      assertNull(kernels.pack(new QuantizedMatrix(format, tensors.whole(3, 5), true)));
      assertEquals(0, kernels.packedBytes(format, 5, 3));
    }
  }

  private static Tensor weight(Tensors tensors, boolean outputsAreRows, int out, int in) {
    return outputsAreRows ? tensors.whole(out, in) : tensors.whole(in, out);
  }
}
