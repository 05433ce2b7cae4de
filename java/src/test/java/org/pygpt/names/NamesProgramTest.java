package org.pygpt.names;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The program as a user sees it: output, errors and exit status. */
class NamesProgramTest {
  @TempDir Path folder;

  private record Outcome(int status, String out, String err) {}

  private static Outcome run(Charset charset, String... arguments) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream errors = new PrintStream(err, true, UTF_8);
    int status = new NamesProgram(out, errors, charset).run(arguments);
    return new Outcome(status, out.toString(charset), err.toString(UTF_8));
  }

  @Test
  void showsTenLinesAndTheNames() throws Exception {
    Path log = folder.resolve("log");
    Outcome outcome = run(UTF_8, "--steps", "23", "--samples", "3", "--log", log.toString());
    assertEquals(0, outcome.status);
    List<String> lines = outcome.err.lines().toList();
    assertTrue(
        lines
            .getFirst()
            .startsWith("32,033 documents, 26 characters, 4,192 parameters; backend cpu: "));
    assertEquals(
        List.of("3", "5", "7", "10", "12", "14", "17", "19", "21", "23"),
        lines.stream().skip(1).map(line -> line.substring(5, 7).strip()).toList());
    assertTrue(lines.getLast().matches("step 23/23  loss \\d\\.\\d{4}  [\\d,]+ names/s"));
    List<String> logged = Files.readAllLines(log);
    assertEquals(26, logged.size());
    assertTrue(logged.getFirst().matches("\\{\"step\": 1, \"loss\": 3\\.\\d+}"));
    assertEquals(
        outcome.out.lines().map(name -> "{\"sample\": \"" + name + "\"}").toList(),
        logged.subList(23, 26));
  }

  @Test
  void savesAndMakesMore() throws Exception {
    String model = folder.resolve("model").toString();
    String[] train = {"--steps=20", "--samples=3", "--quiet", "--out", model};
    Outcome first = run(UTF_8, train);
    assertEquals(new Outcome(0, first.out, ""), run(UTF_8, train)); // ours: replaced
    String[] more = {"--from", model, "--samples=4", "--seed=-5"};
    Outcome sampled = run(UTF_8, more);
    assertEquals(new Outcome(0, sampled.out, ""), run(UTF_8, more));
    assertEquals(4, sampled.out.lines().count());
  }

  @Test
  void aLossThatIsNoNumberEndsTheTraining() throws Exception {
    Path log = folder.resolve("log");
    String out = "--out=" + folder.resolve("out");
    Outcome outcome =
        run(UTF_8, "--learning-rate=1e300", "--steps=5", "--quiet", "--log=" + log, out);
    assertEquals(1, outcome.status);
    assertEquals("", outcome.out);
    String message = "pygpt: error: loss: expected a finite number in step 2, got ";
    assertTrue(outcome.err.startsWith(message) && outcome.err.lines().count() == 1);
    List<String> logged = Files.readAllLines(log);
    assertEquals(1, logged.size());
    assertTrue(logged.getFirst().matches("\\{\"step\": 1, \"loss\": 3\\.\\d+}"));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(log), left.toList());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--n-embd=500000000",
        "--n-layer=2000000000",
        "--block-size=2000000000 --n-embd=1024"
      })
  void tooLargeAModelIsRefusedBeforeAnythingIsAllocated(String sizes) throws Exception {
    Outcome outcome =
        run(UTF_8, ("--quiet --out=" + folder.resolve("out") + " " + sizes).split(" "));
    assertEquals(1, outcome.status);
    String message = "pygpt: error: training a model of these sizes needs at least ";
    assertTrue(outcome.err.startsWith(message) && outcome.err.lines().count() == 1);
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(), left.toList());
    }
  }

  @Test
  void anyCharacterPrintsAnywhere() throws Exception {
    Path words = Files.writeString(folder.resolve("words"), "\u00e9\u00e9\n\u00e8\n");
    Outcome outcome = run(US_ASCII, "--data=" + words, "--steps=3", "--quiet");
    assertEquals(0, outcome.status);
    assertTrue(outcome.out.contains("?"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps ten       | 2 | --steps: expected a whole number from 1 to 2147483647, got ten",
        "--steps 0         | 2 | --steps: expected a whole number from 1 to 2147483647, got 0",
        "--data none.txt   | 1 | data file none.txt: there is no such file",
        "--from none       | 1 | model folder none: does not exist",
        "--log /           | 1 | log file /: cannot be written: Is a directory",
        "--out java        | 1 | output folder java: exists and is no model that pygpt wrote;"
            + " choose another name, or remove it",
      })
  void errorsAreOneLine(String arguments, int status, String message) throws Exception {
    assertEquals(
        new Outcome(status, "", "pygpt: error: " + message + "\n"),
        run(UTF_8, ("--quiet " + arguments).split(" ")));
  }

  @Test
  void aMessageIsOneLineWhateverThePathIs() throws Exception {
    assertEquals(
        "pygpt: error: data file a b: there is no such file\n", run(UTF_8, "--data=a\n\tb").err);
  }

  @Test
  void helpAndVersion() throws Exception {
    assertEquals(new Outcome(0, Option.help(), ""), run(UTF_8, "--help"));
    assertTrue(run(UTF_8, "--version").out.matches("pygpt \\S+\n"));
  }

  private static Outcome runOn(String problem) throws Exception {
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int octet) throws IOException {
            throw new IOException(problem);
          }
        };
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream errors = new PrintStream(err, true, UTF_8);
    int status = new NamesProgram(broken, errors, UTF_8).run("--help");
    return new Outcome(status, "", err.toString(UTF_8));
  }

  @Test
  void readersThatGoAwayAndDisksThatAreFull() throws Exception {
    assertEquals(new Outcome(141, "", ""), runOn("Broken pipe"));
    String message = "standard output: cannot be written: No space left on device";
    assertEquals(
        new Outcome(1, "", "pygpt: error: " + message + "\n"), runOn("No space left on device"));
  }
}
