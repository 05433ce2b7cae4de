package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** When plain loops make way for vector bodies, and how that is forced. */
class WarmUpTest {
  private static final long LONG_RUN = 1_000_000_000;

  @Test
  void autoBeginsWithPlainLoopsAndWarmsUpInALongRun() {
    WarmUp warmUp = new WarmUp(WarmUp.Policy.AUTO);
    warmUp.count(1);
    assertFalse(warmUp.ready());
    assertFalse(warmUp.running());
    while (!warmUp.ready()) { // pauses while the thread warms up
      warmUp.count(LONG_RUN);
    }
    assertFalse(warmUp.running());
  }

  @Test
  void bodiesOfFewBitsComeSecondAndOnlyIfSomebodyAsks() {
    WarmUp warmUp = new WarmUp(WarmUp.Policy.AUTO);
    assertFalse(warmUp.roundedReady());
    while (!warmUp.ready()) {
      warmUp.count(LONG_RUN);
    }
    assertFalse(warmUp.running());
    while (!warmUp.roundedReady()) {
      Thread.onSpinWait();
    }
    assertFalse(warmUp.running());
  }

  @Test
  void aLargeModelIsEnoughAndASmallOneIsNot() {
    WarmUp warmUp = new WarmUp(WarmUp.Policy.AUTO);
    warmUp.expectRounded();
    warmUp.expect(1_000_000);
    assertFalse(warmUp.running());
    warmUp.expect(100_000_000);
    assertTrue(warmUp.running());
    while (!warmUp.roundedReady()) {
      Thread.onSpinWait();
    }
    assertFalse(warmUp.running());
  }

  @Test
  void plainNeverWarmsUp() {
    WarmUp warmUp = new WarmUp(WarmUp.Policy.PLAIN);
    warmUp.expectRounded();
    warmUp.expect(100_000_000);
    warmUp.count(LONG_RUN);
    warmUp.count(LONG_RUN);
    assertFalse(warmUp.running());
    assertFalse(warmUp.ready());
    assertFalse(warmUp.roundedReady());
  }

  @Test
  void vectorIsReadyAtOnce() {
    WarmUp warmUp = new WarmUp(WarmUp.Policy.VECTOR);
    assertTrue(warmUp.ready());
    assertTrue(warmUp.roundedReady());
  }

  @Test
  void policiesHaveNames() {
    assertEquals(WarmUp.Policy.PLAIN, WarmUp.Policy.of("plain"));
    Exception error = assertThrows(IllegalArgumentException.class, () -> WarmUp.Policy.of("fast"));
    assertEquals(
        "system property pygpt.vectors: expected auto, plain or vector, got fast",
        error.getMessage());
  }
}
