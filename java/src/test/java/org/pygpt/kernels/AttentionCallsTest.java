package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** Attention of several sequences at once, which is divided among the threads in another way. */
class AttentionCallsTest {
  /** Queries and keys of the sequences: a step's, a prompt's, few and many. */
  private static final int[][] SHAPES = {{1, 1}, {1, 5}, {1, 701}, {3, 40}, {1, 17}, {70, 131}};

  @ParameterizedTest
  @CsvSource({
    "1, 64, 3, 1, 0",
    "2, 64, 12, 12, 0",
    "2, 64, 4, 2, 11",
    "3, 16, 2, 2, 0",
    "17, 37, 3, 3, 0"
  })
  void eachHasTheBitsOfItAlone(int threads, int D, int H, int kvHeads, int window) {
    ScoreSpec scores = new ScoreSpec(0, 0, window, 0);
    try (Kernels kernels = Backend.CPU.kernels(DType.FLOAT32, threads);
        Tensors tensors = new Tensors(DType.FLOAT32, 5)) {
      List<AttentionCall> calls = new ArrayList<>();
      List<Tensor> alone = new ArrayList<>();
      for (int[] shape : SHAPES) {
        int queries = shape[0];
        int keys = shape[1];
        AttentionSpec spec = new AttentionSpec(1, queries, keys, H, kvHeads, true, scores);
        Heads in =
            new Heads(
                tensors.input(queries, H * D),
                tensors.input(keys, kvHeads * D),
                tensors.input(keys, kvHeads * D));
        calls.add(new AttentionCall(spec, in, tensors.output(queries, H * D)));
        alone.add(tensors.output(queries, H * D));
        kernels.attention(spec, in, null, alone.getLast(), null);
      }
      kernels.attention(calls);
      for (int i = 0; i < calls.size(); i++) {
        assertSame(SHAPES[i][0], alone.get(i), calls.get(i).out(), "sequence " + i);
      }
    }
  }

  private static void assertSame(int rows, Tensor expected, Tensor got, String what) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < expected.columns(); c++) {
        double value = HostMemory.get(expected, row, c);
        assertEquals(value, HostMemory.get(got, row, c), what + ", row " + row + ", column " + c);
      }
    }
  }
}
