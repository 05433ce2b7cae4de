package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.SUMS_OF_SUMS;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Keys and values of int8: how near they are, and attention to them beside the plain one. */
class Int8HeadsTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 2, 1, 7",
    "1, 67, 4, 2, 16",
    "5, 67, 3, 3, 64",
    "1, 331, 6, 2, 64",
    "67, 207, 2, 1, 48"
  })
  void attentionReadsWhatWasRounded(int queries, int keys, int H, int kvHeads, int D) {
    AttentionSpec spec = new AttentionSpec(1, queries, keys, H, kvHeads, true);
    int width = kvHeads * Int8Heads.bytes(D);
    try (Kernels kernels = Backend.CPU.kernels(DType.FLOAT32, 2);
        Tensors tensors = new Tensors(DType.FLOAT32, 0);
        Memory memory = kernels.device().allocate(2L * keys * width)) {
      Tensor q = tensors.input(queries, H * D);
      Tensor k = tensors.whole(keys, kvHeads * D);
      Tensor v = tensors.whole(keys, kvHeads * D);
      Tensor expected = tensors.whole(queries, H * D);
      Tensor got = tensors.whole(queries, H * D);
      Tensor roundedK = Tensor.of(memory, DType.INT8, 0, keys, width);
      Tensor roundedV = Tensor.of(memory, DType.INT8, (long) keys * width, keys, width);
      kernels.roundHeads(1, D, k, roundedK, 0);
      if (keys > 1) {
        kernels.roundHeads(keys - 1, D, k.rows(1, keys - 1), roundedK, 1);
      }
      kernels.roundHeads(keys, D, v, roundedV, 0);
      kernels.attention(spec, new Heads(q, roundedK, roundedV), null, got, null);
      apply(D, k);
      apply(D, v);
      new PlainKernels().attention(spec, new Heads(q, k, v), null, expected, null);
      for (int row = 0; row < queries; row++) {
        for (int c = 0; c < H * D; c++) {
          double value = HostMemory.get(expected, row, c);
          assertEquals(value, HostMemory.get(got, row, c), SUMS_OF_SUMS);
        }
      }
    }
  }

  /** Rounds and widens; no number moves by more than half a step. */
  private static void apply(int D, Tensor x) {
    byte[] codes = new byte[D];
    double[] row = new double[x.columns()];
    float[] values = new float[x.columns()];
    for (int i = 0; i < x.rows(); i++) {
      x.readRow(i, row);
      for (int c = 0; c < row.length; c++) {
        values[c] = (float) row[c];
      }
      for (int first = 0; first < row.length; first += D) {
        float scale = Int8Heads.round(values, first, D, codes);
        for (int d = 0; d < D; d++) {
          double rounded = codes[d] * scale;
          assertTrue(Math.abs(rounded - row[first + d]) <= (0.5 + SUMS_OF_SUMS) * scale);
          row[first + d] = rounded;
        }
      }
      x.writeRow(i, row);
    }
  }
}
