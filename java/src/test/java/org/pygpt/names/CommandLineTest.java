package org.pygpt.names;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Options as argparse reads them; tests/pygpt/test_java_names.py compares the two. */
class CommandLineTest {
  @Test
  void valuesOfEachKind() throws UsageException {
    Map<Option, Object> expected =
        Map.of(
            Option.STEPS,
            BigInteger.valueOf(1000),
            Option.SEED,
            BigInteger.TWO.pow(70).negate(),
            Option.TEMPERATURE,
            1e-3,
            Option.DATA,
            "a=b c",
            Option.OUT,
            "",
            Option.LOG,
            "-",
            Option.QUIET,
            true);
    assertEquals(
        expected,
        CommandLine.parse(
            "--steps",
            "3",
            "--quiet",
            "--seed=-1180591620717411303424",
            "--temperature",
            " 1e-3 ",
            "--data=a=b c",
            "--out",
            "",
            "--log",
            "-",
            "--steps=1_000"));
  }

  @Test
  void whatBeginsWithADashMayBeAValue() throws UsageException {
    assertEquals(Map.of(Option.SEED, BigInteger.valueOf(-5)), CommandLine.parse("--seed", "-5"));
    assertEquals(Map.of(Option.TEMPERATURE, -.5), CommandLine.parse("--temperature", "-.5"));
    assertEquals(Map.of(Option.DATA, "-a b"), CommandLine.parse("--data", "-a b"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps               | argument --steps: expected one argument",
        "--steps --quiet       | argument --steps: expected one argument",
        "--temperature -1e5    | argument --temperature: expected one argument",
        "--data --             | argument --data: expected one argument",
        "--steps ten           | argument --steps: invalid int value: 'ten'",
        "--steps 1.0           | argument --steps: invalid int value: '1.0'",
        "--steps=              | argument --steps: invalid int value: ''",
        "--learning-rate 1d    | argument --learning-rate: invalid float value: '1d'",
        "--quiet=1             | argument --quiet: ignored explicit argument '1'",
        "--help=1              | argument -h/--help: ignored explicit argument '1'",
        "--step 3              | unrecognized arguments: --step 3",
        "--step=3 names -x     | unrecognized arguments: --step=3 names -x",
        "--n_layer 3 --seed x  | argument --seed: invalid int value: 'x'",
      })
  void refuses(String arguments, String expected) {
    var error = assertThrows(UsageException.class, () -> CommandLine.parse(arguments.split(" ")));
    assertEquals(expected, error.getMessage());
  }

  @Test
  void helpEndsTheReading() throws UsageException {
    assertEquals(Map.of(Option.HELP, true), CommandLine.parse("--none", "-h", "--steps", "ten"));
    assertEquals(Map.of(Option.VERSION, true), CommandLine.parse("--version", "--steps", "ten"));
  }

  @Test
  void helpHasEveryOption() {
    String help = CommandLine.help();
    for (Option option : Option.values()) {
      assertEquals(
          1, help.lines().filter(line -> line.startsWith("  " + option.flag() + " ")).count());
    }
  }
}
