package org.pygpt.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemoryTest {
  @ParameterizedTest
  @EnumSource(DType.class)
  void startsAtACacheLineAndIsZero(DType dtype) {
    for (int length : new int[] {1, 15, 16, 17, 1021}) {
      try (HostMemory memory = HostDevice.host().allocate(dtype, length)) {
        assertEquals(0, memory.address() % Memory.ALIGNMENT_BYTES);
        assertEquals((long) length * dtype.bytes(), memory.byteSize());
        for (int i = 0; i < length; i++) {
          assertEquals(0, memory.get(dtype, i));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void tensorsAreUploadedAndDownloaded(DType dtype) {
    try (HostMemory memory = HostDevice.host().allocate(dtype, 21)) {
      Tensor tensor = Tensor.of(memory, dtype, 0, 3, 7).columns(2, 3);
      tensor.writeRow(1, new double[] {-3, 4, 7});
      assertEquals(4, HostMemory.get(tensor, 1, 1));
      assertEquals(7, memory.get(dtype, 11));
      assertEquals(0, memory.get(dtype, 12));
      double[] row = new double[3];
      tensor.readRow(1, row);
      assertArrayEquals(new double[] {-3, 4, 7}, row);
      tensor.zero();
      assertEquals(0, memory.get(dtype, 11));
      assertThrows(IndexOutOfBoundsException.class, () -> tensor.readRow(2, new double[6]));
    }
  }

  /** Also where nothing but the segment is left of a memory. */
  @Test
  void segmentKeepsItsBytes() throws InterruptedException {
    List<MemorySegment> segments = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      MemorySegment segment = HostDevice.host().allocate(DType.FLOAT32, 1 << 14).segment();
      segment.fill((byte) 1);
      segments.add(segment);
    }
    for (int i = 0; i < 10; i++) {
      System.gc();
      Thread.sleep(5); // for the thread that frees what the collector found
      for (int j = 0; j < 5; j++) {
        try (HostMemory other = HostDevice.host().allocate(DType.FLOAT32, 1 << 14)) {
          other.segment().fill((byte) 2);
        }
      }
    }
    for (MemorySegment segment : segments) {
      assertEquals(0x01010101, segment.getAtIndex(ValueLayout.JAVA_INT, 77));
    }
  }

  /** Arrays so large that Linux is asked for other pages. */
  @Test
  void largeArraysAreZero() {
    try (HostMemory memory = HostDevice.host().allocate(DType.FLOAT32, 5_000_011)) {
      float[] all = new float[5_000_011];
      memory.set(DType.FLOAT32, 0, 1);
      memory.set(DType.FLOAT32, 5_000_010, 2);
      memory.read(DType.FLOAT32, 0, MemorySegment.ofArray(all));
      float[] expected = new float[5_000_011];
      expected[0] = 1;
      expected[5_000_010] = 2;
      assertArrayEquals(expected, all);
    }
  }

  @Test
  void refusesAccessOutsideOrAfterClose() {
    HostMemory memory = HostDevice.host().allocate(DType.FLOAT32, 7);
    assertThrows(IndexOutOfBoundsException.class, () -> memory.get(DType.FLOAT32, 7));
    assertThrows(IndexOutOfBoundsException.class, () -> memory.set(DType.FLOAT32, -1, 0));
    memory.close();
    memory.close(); // a second close does nothing
    for (Runnable access :
        new Runnable[] {
          memory::segment,
          memory::address,
          () -> memory.zero(DType.FLOAT32, 0, 7),
          () -> memory.get(DType.FLOAT32, 0),
          () -> memory.set(DType.FLOAT32, 0, 1)
        }) {
      String message = assertThrows(IllegalStateException.class, access::run).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  @Test
  void refusesNoElements() {
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> HostDevice.host().allocate(DType.FLOAT32, 0))
            .getMessage();
    assertEquals("bytes: expected at least 1, got 0", message);
  }
}
