package org.pygpt.generate;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Whole characters, and an end at the first stop string. */
class TextStreamTest {
  @Test
  void charactersComeWhole() {
    TextStream stream = new TextStream(List.of());
    byte[] cow = "a\ud83d\udc04".getBytes(UTF_8);
    for (int i = 0; i < cow.length; i++) {
      stream.add(new byte[] {cow[i]});
      assertEquals(i == 0 ? "a" : i == 4 ? "\ud83d\udc04" : "", stream.take(false));
    }
    stream.add(new byte[] {cow[1]});
    assertEquals("", stream.take(false));
    assertEquals("\ufffd", stream.take(true));
  }

  @Test
  void whatMayBeginAStopStringIsHeldBack() {
    TextStream stream = new TextStream(List.of("end", "nd."));
    stream.add("the e".getBytes(UTF_8));
    assertEquals("the ", stream.take(false));
    stream.add("nough".getBytes(UTF_8));
    assertEquals("enough", stream.take(false));
    stream.add(" end. more".getBytes(UTF_8));
    assertTrue(stream.stopped());
    assertEquals(" ", stream.take(true));
  }

  @Test
  void whatWasHeldBackIsTextInTheEnd() {
    TextStream stream = new TextStream(List.of("end"));
    stream.add("the en".getBytes(UTF_8));
    assertEquals("the ", stream.take(false));
    assertFalse(stream.stopped());
    assertEquals("en", stream.take(true));
  }
}
