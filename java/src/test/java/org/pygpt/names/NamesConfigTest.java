package org.pygpt.names;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.model.LayoutTable;
import org.pygpt.tensor.DType;

/** The rules of each option, and of those that do not go together. */
class NamesConfigTest {
  private static NamesConfig config(String... arguments) throws UsageException {
    return NamesConfig.of(CommandLine.parse(arguments));
  }

  private static NamesPaths paths(String... arguments) throws UsageException {
    return NamesPaths.of(CommandLine.parse(arguments));
  }

  @Test
  void defaultsAreMicrogpts() throws UsageException {
    NamesConfig expected =
        new NamesConfig(1000, BigInteger.valueOf(42), 20, 0.5, 1, 16, 4, 16, 0.01, "cpu");
    assertEquals(expected, config());
    assertEquals(new NamesPaths(null, null, null, null), NamesPaths.of(Map.of()));
  }

  @Test
  void eachOptionIsTaken() throws UsageException {
    NamesConfig expected =
        new NamesConfig(3, BigInteger.TEN.pow(30), 0, 2, 5, 14, 7, 11, 1e-5, "plain");
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
            "--backend=plain"));
    assertEquals(DType.FLOAT64, expected.dtype());
    assertEquals(DType.FLOAT32, config("--backend", "nd4j").dtype());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps=0              | --steps: expected at least 1, got 0",
        "--samples=-1           | --samples: expected at least 0, got -1",
        "--n-layer=-9999999999  | --n-layer: expected at least 1, got -9999999999",
        "--block-size=2147483648| --block-size: expected at most 2147483647, got 2147483648",
        "--temperature=0        | --temperature: expected more than 0, got 0.0",
        "--temperature=nan      | --temperature: expected a finite number, got nan",
        "--learning-rate=-1e-7  | --learning-rate: expected more than 0, got -1e-07",
        "--learning-rate=1e999  | --learning-rate: expected a finite number, got inf",
        "--backend=gpu          | --backend: expected one of cpu, nd4j, plain, got 'gpu'",
        "--n-embd=18            | --n-embd: expected a multiple of n_head = 4, got 18",
        "--n-head=3             | --n-embd: expected a multiple of n_head = 3, got 16",
      })
  void refuses(String argument, String expected) {
    var error = assertThrows(UsageException.class, () -> config(argument));
    assertEquals(expected, error.getMessage());
  }

  @Test
  void trainingBytesAreThoseOfTheWeightsFourTimes() throws UsageException {
    String[] sizes = {"--n-layer=2", "--n-embd=15", "--n-head=3", "--block-size=7", ""};
    for (String backend : new String[] {"cpu", "plain"}) {
      sizes[4] = "--backend=" + backend;
      NamesConfig config = config(sizes);
      BigInteger count = LayoutTable.of(config.modelConfig(11)).count();
      BigInteger times = BigInteger.valueOf(4 * config.dtype().bytes());
      assertEquals(count.multiply(times), config.trainingBytes(11));
    }
    BigInteger wide = config("--n-embd=2000000000").trainingBytes(1);
    BigInteger layer = BigInteger.valueOf(12).multiply(BigInteger.valueOf(2_000_000_000).pow(2));
    BigInteger outer = BigInteger.valueOf((2 + 16) * 2_000_000_000L);
    assertEquals(layer.add(outer).multiply(BigInteger.valueOf(16)), wide);
  }

  @Test
  void pathsAreWrittenAsInPython() throws UsageException {
    NamesPaths paths = paths("--data", "./a", "--log", "b/./c", "--out=d/");
    assertEquals(new NamesPaths(Path.of("a"), Path.of("b/c"), Path.of("d"), null), paths);
    var error = assertThrows(UsageException.class, () -> paths("--out", ""));
    assertEquals("--out: expected a path, got ''", error.getMessage());
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
    var error = assertThrows(UsageException.class, () -> paths("--from", "m", argument));
    assertEquals(flag + " does not go with --from, which does not train", error.getMessage());
  }

  @Test
  void samplingGoesWithFrom() throws UsageException {
    NamesPaths paths =
        paths(
            "--from=m", "--seed=1", "--samples=2", "--temperature=1", "--backend=nd4j", "--quiet");
    assertEquals(Path.of("m"), paths.from());
  }

  @Test
  void theLogOverwritesNothing(@TempDir Path folder) throws IOException {
    Path data = Files.writeString(folder.resolve("words"), "a");
    Path link = Files.createSymbolicLink(folder.resolve("link"), data);
    var error = assertThrows(UsageException.class, () -> paths("--data=" + data, "--log=" + link));
    assertEquals("--log: expected another file than --data, got " + link, error.getMessage());
    for (String option : new String[] {"--out=", "--from="}) {
      for (String log : new String[] {"new", "new/log", "new/x/../log"}) {
        String model = option + folder + "/new";
        error =
            assertThrows(UsageException.class, () -> paths(model, "--log=" + folder + "/" + log));
        assertEquals(
            "--log: expected a file outside the model, got " + folder + "/" + log,
            error.getMessage());
      }
    }
  }
}
