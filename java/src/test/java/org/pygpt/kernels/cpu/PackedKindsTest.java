package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.pygpt.support.Tolerances.SUM;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Each kind of copy that this processor can use, also where another one is faster. */
class PackedKindsTest {
  private static final int IN = 67;
  private static final int OUT = 131;

  /** How a copy is made. */
  private enum Kind {
    TILED,
    CODED,
    ONE_DNN;

    boolean has(WeightFormat format) {
      return switch (this) {
        case TILED -> true;
        case CODED -> TileCode.isAvailable();
        case ONE_DNN -> OneDnnProducts.has(format);
      };
    }
  }

  static Stream<Arguments> kinds() {
    return Stream.of(Kind.values())
        .flatMap(kind ->
            Stream.of(WeightFormat.values())
                .filter(kind::has)
                .flatMap(format -> Stream.of(1, 5, 8).map(rows -> arguments(kind, format, rows))));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void multipliesLikeThePlainProduct(Kind kind, WeightFormat format, int rows) {
    long size = IN * OUT + rows * (IN + 2 * OUT);
    try (Workers workers = new Workers(2);
        OneDnnProducts products = new OneDnnProducts(workers);
        CodedProducts coded = new CodedProducts(workers);
        Memory memory = HostDevice.host().allocate(DType.FLOAT32, size)) {
      Tensor weight = Tensor.of(memory, DType.FLOAT32, 0, IN, OUT);
      Tensor x = Tensor.of(memory, DType.FLOAT32, IN * OUT, rows, IN);
      Tensor got = Tensor.of(memory, DType.FLOAT32, IN * OUT + rows * IN, rows, OUT);
      Tensor expected = Tensor.of(memory, DType.FLOAT32, size - rows * OUT, rows, OUT);
      Random random = new Random(1);
      for (Tensor tensor : new Tensor[] {weight, x}) {
        for (int row = 0; row < tensor.rows(); row++) {
          tensor.writeRow(row, random.doubles(tensor.columns(), -1, 1).toArray());
        }
      }
      QuantizedMatrix matrix = new QuantizedMatrix(format, weight, false);
      try (PackedMatrix packed =
          switch (kind) {
            case TILED -> TiledMatrix.of(workers, matrix);
            case CODED -> CodedMatrix.of(coded, matrix);
            case ONE_DNN -> OneDnnMatrix.of(products, matrix);
          }) {
        packed.multiply(rows, x, got);
      }
      matrix.apply();
      new PlainKernels().gemm(new MatMul(rows, OUT, IN, false, false, false), x, weight, expected);
      for (int row = 0; row < rows; row++) {
        for (int o = 0; o < OUT; o++) {
          assertEquals(
              HostMemory.get(expected, row, o), HostMemory.get(got, row, o), SUM * Math.sqrt(IN));
        }
      }
    }
  }
}
