package org.pygpt.names;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.DType;

/** The rules of each option, and of those that do not go together. */
class NamesConfigTest {
  private static NamesConfig config(String... arguments) {
    return NamesConfig.of(Option.parse(arguments));
  }

  @Test
  void defaultsAreMicrogpts() {
    NamesConfig expected =
        new NamesConfig(
            1000,
            BigInteger.valueOf(42),
            20,
            0.5,
            1,
            16,
            4,
            16,
            0.01,
            Backend.CPU,
            null,
            null,
            null,
            null);
    assertEquals(expected, config());
  }

  @Test
  void eachOptionIsTaken() {
    NamesConfig expected =
        new NamesConfig(
            3,
            BigInteger.TEN.pow(30),
            0,
            2,
            5,
            14,
            7,
            11,
            1e-5,
            Backend.PLAIN,
            Path.of("words"),
            Path.of("log"),
            Path.of("model"),
            null);
    assertEquals(
        expected,
        config(
            "--steps=3",
            "--seed=1000000000000000000000000000000",
            "--samples=0",
            "--temperature=2",
            "--n-layer=5",
            "--n-embd=14",
            "--n-head=7",
            "--block-size=11",
            "--learning-rate=1e-5",
            "--backend=plain",
            "--data=words",
            "--log=log",
            "--out=model"));
    assertEquals(DType.FLOAT64, expected.dtype());
    assertEquals(DType.FLOAT32, config("--backend", "nd4j").dtype());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps=0             | --steps: expected a whole number from 1 to 2147483647, got 0",
        "--steps=1.0           | --steps: expected a whole number from 1 to 2147483647, got 1.0",
        "--samples=-1          | --samples: expected a whole number from 0 to 2147483647, got -1",
        "--n-layer=2147483648  | --n-layer: expected a whole number from 1 to 2147483647, got"
            + " 2147483648",
        "--seed=x              | --seed: expected a whole number, got x",
        "--temperature=0       | --temperature: expected a finite number above 0, got 0",
        "--temperature=nan     | --temperature: expected a finite number above 0, got nan",
        "--learning-rate=1e999 | --learning-rate: expected a finite number above 0, got 1e999",
        "--backend=gpu         | backend: expected one of cpu, nd4j, plain, cuda, got gpu",
        "--n-embd=18           | n_embd: expected a multiple of n_head = 4, got 18",
        "--n-head=3            | n_embd: expected a multiple of n_head = 3, got 16",
        "--n-embd=2000000000   | n_embd: expected at most 536870911 where n_inner is 4 * n_embd,"
            + " got 2000000000",
        "--out=                | --out: expected a path, got an empty text",
      })
  void refuses(String argument, String expected) {
    var error = assertThrows(IllegalArgumentException.class, () -> config(argument));
    assertEquals(expected, error.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps=5      | --steps",
        "--n-embd=16    | --n-embd",
        "--learning-rate=1 | --learning-rate",
        "--out=o        | --out",
        "--data=d       | --data",
      })
  void trainingDoesNotGoWithFrom(String argument, String flag) {
    var error = assertThrows(IllegalArgumentException.class, () -> config("--from", "m", argument));
    assertEquals(flag + " does not go with --from, which does not train", error.getMessage());
  }

  @Test
  void samplingGoesWithFrom() {
    NamesConfig config =
        config(
            "--from=m", "--seed=1", "--samples=2", "--temperature=1", "--backend=nd4j", "--quiet");
    assertEquals(Path.of("m"), config.from());
  }

  @Test
  void theLogOverwritesNothing(@TempDir Path folder) throws IOException {
    Path data = Files.writeString(folder.resolve("words"), "a");
    Path link = Files.createSymbolicLink(folder.resolve("link"), data);
    var error =
        assertThrows(
            IllegalArgumentException.class, () -> config("--data=" + data, "--log=" + link));
    assertEquals("--log: expected another file than --data, got " + link, error.getMessage());
    for (String option : new String[] {"--out=", "--from="}) {
      for (String log : new String[] {"new", "new/log", "new/x/../log"}) {
        String model = option + folder + "/new";
        error =
            assertThrows(
                IllegalArgumentException.class, () -> config(model, "--log=" + folder + "/" + log));
        assertEquals(
            "--log: expected a file outside the model, got " + folder + "/" + log,
            error.getMessage());
      }
    }
  }
}
