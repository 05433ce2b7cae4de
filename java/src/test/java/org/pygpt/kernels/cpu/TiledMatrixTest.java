package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.SUM;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** The copies that serve where the processor has no instructions for few bits. */
class TiledMatrixTest {
  private static final int ROWS = 5;
  private static final int IN = 67;
  private static final int OUT = 131;

  @ParameterizedTest
  @EnumSource(WeightFormat.class)
  void multipliesLikeThePlainProduct(WeightFormat format) {
    long size = IN * OUT + ROWS * (IN + 2 * OUT);
    try (Workers workers = new Workers(2);
        Memory memory = HostDevice.host().allocate(DType.FLOAT32, size)) {
      Tensor weight = Tensor.of(memory, DType.FLOAT32, 0, IN, OUT);
      Tensor x = Tensor.of(memory, DType.FLOAT32, IN * OUT, ROWS, IN);
      Tensor got = Tensor.of(memory, DType.FLOAT32, IN * OUT + ROWS * IN, ROWS, OUT);
      Tensor expected = Tensor.of(memory, DType.FLOAT32, size - ROWS * OUT, ROWS, OUT);
      Random random = new Random(1);
      for (Tensor tensor : new Tensor[] {weight, x}) {
        for (int row = 0; row < tensor.rows(); row++) {
          tensor.writeRow(row, random.doubles(tensor.columns(), -1, 1).toArray());
        }
      }
      QuantizedMatrix matrix = new QuantizedMatrix(format, weight, false);
      try (TiledMatrix packed = TiledMatrix.of(workers, matrix)) {
        packed.multiply(ROWS, x, got);
      }
      matrix.apply();
      new PlainKernels().gemm(new MatMul(ROWS, OUT, IN, false, false, false), x, weight, expected);
      for (int row = 0; row < ROWS; row++) {
        for (int o = 0; o < OUT; o++) {
          assertEquals(
              HostMemory.get(expected, row, o), HostMemory.get(got, row, o), SUM * Math.sqrt(IN));
        }
      }
    }
  }
}
