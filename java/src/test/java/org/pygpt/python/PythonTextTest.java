package org.pygpt.python;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;

/** White space and repr, beside CPython's answers in tests/golden. */
class PythonTextTest {
  @Test
  void spaces() throws IOException {
    int[] expected = Golden.ints(Golden.json("python_answers.json").get("spaces"));
    int[] spaces =
        IntStream.rangeClosed(0, 0xffff).filter(c -> PythonText.isSpace((char) c)).toArray();
    assertArrayEquals(expected, spaces);
  }

  @Test
  void strip() {
    assertEquals("a\u2028b", PythonText.strip("\u00a0\u3000\t a\u2028b\u001c\u0085\r\n"));
    assertEquals("\u200b", PythonText.strip(" \u200b\u202f")); // a space of no width is none
    assertEquals("", PythonText.strip(" \n"));
  }

  @Test
  void reprAndOneLine() throws IOException {
    for (JsonNode answer : Golden.json("python_answers.json").get("texts")) {
      String text = answer.get("text").textValue();
      assertEquals(answer.get("repr").textValue(), PythonText.repr(text));
      assertEquals(answer.get("one_line").textValue(), PythonText.oneLine(text));
    }
  }
}
