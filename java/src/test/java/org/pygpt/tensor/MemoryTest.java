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
      try (Memory memory = Memory.allocate(dtype, length)) {
        assertEquals(0, memory.address() % Memory.ALIGNMENT_BYTES);
        assertEquals((long) length * dtype.bytes(), memory.byteSize());
        for (int i = 0; i < length; i++) {
          assertEquals(0, memory.get(i));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void sharesItsElementsWithNd4j(DType dtype) {
    try (Memory memory = Memory.allocate(dtype, 7)) {
      memory.set(5, 3);
      assertEquals(3, memory.buffer().getDouble(memory.firstElement() + 5));
      memory.buffer().put(memory.firstElement() + 6, 2);
      assertEquals(2, memory.get(6));
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void givesSeveralElements(DType dtype) {
    try (Memory memory = Memory.allocate(dtype, 7)) {
      for (int i = 0; i < 7; i++) {
        memory.set(i, 3 * i - 5);
      }
      double[] some = new double[3];
      memory.get(2, some);
      assertArrayEquals(new double[] {1, 4, 7}, some);
      assertThrows(IndexOutOfBoundsException.class, () -> memory.get(5, some));
    }
  }

  /** Also where nothing but the segment is left of a memory. */
  @Test
  void segmentKeepsItsBytes() throws InterruptedException {
    List<MemorySegment> segments = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      MemorySegment segment = Memory.allocate(DType.FLOAT32, 1 << 14).segment();
      segment.fill((byte) 1);
      segments.add(segment);
    }
    for (int i = 0; i < 50; i++) {
      System.gc();
      Thread.sleep(5); // for the thread that frees what the collector found
      try (Memory other = Memory.allocate(DType.FLOAT32, 1 << 14)) {
        other.segment().fill((byte) 2);
      }
    }
    for (MemorySegment segment : segments) {
      assertEquals(0x01010101, segment.getAtIndex(ValueLayout.JAVA_INT, 77));
    }
  }

  /** Arrays so large that Linux is asked for other pages. */
  @Test
  void largeArraysAreZero() {
    try (Memory memory = Memory.allocate(DType.FLOAT32, 5_000_011)) {
      double[] all = new double[5_000_011];
      memory.set(0, 1);
      memory.set(5_000_010, 2);
      memory.get(0, all);
      double[] expected = new double[5_000_011];
      expected[0] = 1;
      expected[5_000_010] = 2;
      assertArrayEquals(expected, all);
    }
  }

  @Test
  void refusesAccessOutsideOrAfterClose() {
    Memory memory = Memory.allocate(DType.FLOAT32, 7);
    assertThrows(IndexOutOfBoundsException.class, () -> memory.get(7));
    assertThrows(IndexOutOfBoundsException.class, () -> memory.set(-1, 0));
    memory.close();
    memory.close(); // a second close does nothing
    for (Runnable access :
        new Runnable[] {
          memory::segment,
          memory::address,
          memory::zero,
          () -> memory.get(0),
          () -> memory.set(0, 1)
        }) {
      String message = assertThrows(IllegalStateException.class, access::run).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  @Test
  void refusesNoElements() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Memory.allocate(DType.FLOAT32, 0))
            .getMessage();
    assertEquals("length: expected at least 1, got 0", message);
  }
}
