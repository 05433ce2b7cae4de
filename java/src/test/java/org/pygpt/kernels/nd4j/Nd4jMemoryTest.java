package org.pygpt.kernels.nd4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

class Nd4jMemoryTest {
  @ParameterizedTest
  @EnumSource(DType.class)
  void tensorsAreUploadedAndDownloaded(DType dtype) {
    try (Memory memory = new Nd4jDevice().allocate(dtype, 21)) {
      Tensor all = Tensor.of(memory, dtype, 0, 1, 21);
      double[] values = new double[21];
      all.readRow(0, values);
      assertArrayEquals(new double[21], values);
      Tensor tensor = Tensor.of(memory, dtype, 0, 3, 7).columns(2, 3);
      tensor.writeRow(1, new double[] {-3, 4, 7});
      tensor.writeRow(2, new double[] {1, 2, 5});
      tensor.rows(2, 1).zero();
      all.readRow(0, values);
      double[] expected = new double[21];
      expected[9] = -3;
      expected[10] = 4;
      expected[11] = 7;
      assertArrayEquals(expected, values);
      assertThrows(IndexOutOfBoundsException.class, () -> tensor.readRow(2, new double[6]));
    }
  }

  /** More than one copy takes. */
  @Test
  void manyElementsAreCopiedInParts() {
    float[] values = new float[(1 << 20) + 77];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    try (Memory memory = new Nd4jDevice().allocate(DType.FLOAT32, values.length + 3)) {
      memory.write(DType.FLOAT32, 3, MemorySegment.ofArray(values));
      float[] read = new float[values.length];
      memory.read(DType.FLOAT32, 3, MemorySegment.ofArray(read));
      assertArrayEquals(values, read);
    }
  }

  @Test
  void refusesAccessAfterClose() {
    Memory memory = new Nd4jDevice().allocate(28);
    memory.zero(DType.FLOAT32, 0, 7);
    memory.close();
    memory.close(); // a second close does nothing
    for (DType dtype : DType.values()) {
      String message =
          assertThrows(IllegalStateException.class, () -> memory.zero(dtype, 0, 1)).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  @Test
  void knowsWhatIsFree() {
    assertTrue(new Nd4jDevice().freeBytes() > 0);
    assertEquals("CpuBackend", new Nd4jDevice().name());
  }
}
