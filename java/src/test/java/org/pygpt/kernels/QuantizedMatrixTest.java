package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** Rounding of weights: how far, to what, and that twice is once. */
class QuantizedMatrixTest {
  private static final int IN = 43;
  private static final int OUT = 7;

  @ParameterizedTest
  @EnumSource(WeightFormat.class)
  void isNearAndRoundingAgainChangesNothing(WeightFormat format) {
    for (boolean outputsAreRows : new boolean[] {false, true}) {
      try (Tensors before = new Tensors(DType.FLOAT32, 3);
          Tensors after = new Tensors(DType.FLOAT32, 3)) {
        Tensor weight = outputsAreRows ? before.whole(OUT, IN) : before.whole(IN, OUT);
        Tensor rounded = outputsAreRows ? after.whole(OUT, IN) : after.whole(IN, OUT);
        QuantizedMatrix matrix = new QuantizedMatrix(format, rounded, outputsAreRows);
        assertEquals(IN, matrix.inputs());
        assertEquals(OUT, matrix.outputs());
        matrix.apply();
        for (int row = 0; row < weight.rows(); row++) {
          for (int c = 0; c < weight.columns(); c++) {
            double value = HostMemory.get(weight, row, c);
            int output = outputsAreRows ? row : c;
            int input = outputsAreRows ? c : row;
            boolean whole = format != WeightFormat.BFLOAT16;
            float scale = matrix.scale(output, input);
            int code = matrix.code(output, input);
            double step = whole ? Math.abs(scale) : Math.ulp((float) value) * (1 << 16);
            boolean cut = format == WeightFormat.INT4 && code == 7; // there is no 8
            assertTrue(
                Math.abs(HostMemory.get(rounded, row, c) - value) <= (cut ? step : step / 2));
            double exact = whole ? (double) code * scale : bfloat16(code);
            assertEquals(exact, HostMemory.get(rounded, row, c));
          }
        }
        QuantizedMatrix again = new QuantizedMatrix(format, rounded, outputsAreRows);
        for (int output = 0; output < OUT; output++) {
          for (int input = 0; input < IN; input++) {
            assertEquals(matrix.scale(output, input), again.scale(output, input));
            assertEquals(matrix.code(output, input), again.code(output, input));
          }
        }
      }
    }
  }

  private static double bfloat16(int code) {
    return Float.intBitsToFloat(code << 16);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0x3f80",
    "-1, -0x4080",
    "0x1.01p0, 0x3f80",
    "0x1.03p0, 0x3f82",
    "0x1.010002p0, 0x3f81",
    "0x1.ffp0, 0x4000",
    "0, 0",
    "0x1p-149, 0",
    "0x1p-133, 1"
  })
  void bfloat16IsTheNearestAndEvenInBetween(String value, String code) {
    try (Tensors tensors = new Tensors(DType.FLOAT32, 0)) {
      Tensor weight = tensors.whole(1, 1);
      HostMemory.set(
          weight, 0, 0, Double.parseDouble(value.startsWith("0x") ? value : value + "d"));
      QuantizedMatrix matrix = new QuantizedMatrix(WeightFormat.BFLOAT16, weight, true);
      assertEquals(Integer.decode(code), matrix.code(0, 0));
    }
  }

  @Test
  void anOutputOfZerosStaysZero() {
    try (Tensors tensors = new Tensors(DType.FLOAT32, 0)) {
      Tensor weight = tensors.whole(2, 3);
      weight.rows(1, 1).zero();
      QuantizedMatrix matrix = new QuantizedMatrix(WeightFormat.INT8, weight, true);
      matrix.apply();
      for (int input = 0; input < 3; input++) {
        assertEquals(0, matrix.code(1, input));
        assertEquals(0, HostMemory.get(weight, 1, input));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(WeightFormat.class)
  void refusesWhatIsNoNumber(WeightFormat format) {
    for (double wrong : new double[] {Double.NaN, Double.NEGATIVE_INFINITY}) {
      try (Tensors tensors = new Tensors(DType.FLOAT32, 0)) {
        Tensor weight = tensors.whole(2, 3);
        HostMemory.set(weight, 1, 2, wrong);
        assertThrows(
            IllegalArgumentException.class, () -> new QuantizedMatrix(format, weight, false));
      }
    }
  }
}
