package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;

class JsonTest {
  @Test
  void quotesAsPythonDoes() throws IOException {
    for (JsonNode answer : Golden.json("python_answers.json").get("texts")) {
      String text = answer.get("text").textValue();
      assertEquals(answer.get("json").textValue(), Json.quote(text));
      assertEquals(answer.get("json_ascii").textValue(), Json.quoteAscii(text));
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

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "1, 1",
        "-1.0, -1.0",
        "1E+22, 1e+22",
        "true, True",
        "null, None",
        "\"it's\", \"it's\"",
        "`[1,[]]`, `[1, []]`",
        "`{\"a\":null,\"it's\":[1.5,{}]}`, `{'a': None, \"it's\": [1.5, {}]}`"
      })
  void reprIsPythons(String json, String repr) {
    assertEquals(repr, Json.repr(Json.parse(json)));
  }
}
