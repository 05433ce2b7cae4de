package org.pygpt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import examples.Microgpt;
import examples.TrainNames;
import examples.Xor;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What java/examples shows, runs. */
class ExamplesTest {
  /** What a program prints and reports. */
  private record Output(List<String> out, List<String> err) {}

  private interface Program {
    void main(String... arguments) throws Exception;
  }

  private static Output run(Program program, String... arguments) throws Exception {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream reported = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(printed, true, UTF_8));
      System.setErr(new PrintStream(reported, true, UTF_8));
      program.main(arguments);
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
    return new Output(
        printed.toString(UTF_8).lines().toList(), reported.toString(UTF_8).lines().toList());
  }

  @Test
  void trainNames() throws Exception {
    Output output = run(TrainNames::main, "201");
    assertEquals(10, output.out.size());
    List<String> steps = output.err.stream().map(line -> line.split(":")[0]).toList();
    assertEquals(List.of("step 0", "step 100", "step 200"), steps);
  }

  @Test
  void xor() throws Exception {
    Output output = run(Xor::main);
    List<String> expected =
        List.of("[0.0, 0.0] 0", "[0.0, 1.0] 1", "[1.0, 0.0] 1", "[1.0, 1.0] 0", "right: 1.0");
    assertEquals(expected, output.out);
  }

  @Test
  void microgptPrintsItsNames() throws Exception {
    Path golden = Path.of("tests", "golden", "microgpt", "seed42_names.txt");
    Output output = run(Microgpt::main, "pygpt/data/names.txt");
    assertEquals(Files.readAllLines(golden), output.out);
    assertEquals("step    1 / 1000  loss 3.3660", output.err.getFirst());
  }
}
