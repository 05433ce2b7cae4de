package org.pygpt.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class SpareMemoryTest {
  private final SpareMemory spare = new SpareMemory(HostDevice.host(), 1000);

  @Test
  void theSmallestThatSufficesServesAgain() {
    Memory large = spare.take(600);
    Memory small = spare.take(300);
    spare.giveBack(large);
    spare.giveBack(small);
    assertEquals(900, spare.byteSize());
    assertSame(small, spare.take(200));
    assertSame(large, spare.take(200));
    Memory other = spare.take(200);
    assertNotSame(small, other);
    assertEquals(0, spare.byteSize());
    large.close();
    small.close();
    other.close();
  }

  @Test
  void noMoreIsKeptThanTheBound() {
    HostMemory first = (HostMemory) spare.take(600);
    HostMemory second = (HostMemory) spare.take(600);
    HostMemory tooLarge = (HostMemory) spare.take(1001);
    spare.giveBack(first);
    spare.giveBack(second);
    spare.giveBack(tooLarge);
    assertThrows(IllegalStateException.class, first::segment); // freed
    assertThrows(IllegalStateException.class, tooLarge::segment);
    assertEquals(600, spare.byteSize());
    spare.close();
    assertThrows(IllegalStateException.class, second::segment);
    HostMemory late = (HostMemory) spare.take(10);
    spare.giveBack(late);
    assertThrows(IllegalStateException.class, late::segment);
  }
}
