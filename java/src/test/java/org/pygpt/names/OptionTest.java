package org.pygpt.names;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Options with their values, in both ways to write them. */
class OptionTest {
  @Test
  void valuesAsTexts() {
    Map<Option, String> expected =
        Map.of(Option.STEPS, "5", Option.SEED, "-7", Option.DATA, "a=b c", Option.QUIET, "");
    assertEquals(
        expected,
        Option.parse("--steps", "3", "--quiet", "--seed", "-7", "--data=a=b c", "--steps=5"));
    assertEquals(Map.of(Option.HELP, ""), Option.parse("-h"));
    assertEquals(Map.of(Option.OUT, ""), Option.parse("--out", ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps            | --steps: expected a value, got none; try --help",
        "--steps --quiet    | --steps: expected a value, got none; try --help",
        "--quiet=1          | --quiet: expected no value, got 1",
        "--step 3           | expected an option, got --step; try --help",
        "--seed 3 names     | expected an option, got names; try --help",
      })
  void refuses(String arguments, String expected) {
    var error =
        assertThrows(IllegalArgumentException.class, () -> Option.parse(arguments.split(" ")));
    assertEquals(expected, error.getMessage());
  }

  @Test
  void helpHasEveryOption() {
    String help = Option.help();
    for (Option option : Option.values()) {
      assertEquals(
          1, help.lines().filter(line -> line.startsWith("  " + option.flag() + " ")).count());
    }
  }
}
