package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  @Test
  void quotedTextIsReadBack() {
    for (String text : List.of("", "it's", "\"\\\t\b\0\u007f\u2028", "\u00e9\ud83d\udc04\uffff")) {
      String quoted = Json.quote(text);
      assertEquals(text, Json.parse(quoted));
      assertEquals(1, quoted.lines().count());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "{", "{} {}", "{\"a\": 1, \"a\": 2}", "nul", "[1,]", "\"\n\""})
  void refusesWhatIsNoValue(String text) {
    var error = assertThrows(IllegalArgumentException.class, () -> Json.parse(text));
    assertEquals(1, error.getMessage().lines().count());
  }

  @Test
  void deepNestingIsDamageAndNoCrash() {
    assertThrows(IllegalArgumentException.class, () -> Json.parse("[".repeat(100_000)));
  }

  @Test
  void writtenValuesAreReadBack() {
    String text = "{\"a\": [1, -2.5, 1.0E22, true, null, {}], \"it's \\\"\": \"x\"}";
    assertEquals(text, Json.write(Json.parse(text)));
  }
}
