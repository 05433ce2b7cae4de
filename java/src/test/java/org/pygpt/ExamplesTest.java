package org.pygpt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import examples.TrainNames;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What java/examples shows, runs. */
class ExamplesTest {
  @Test
  void trainNames() {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream names = new ByteArrayOutputStream();
    ByteArrayOutputStream losses = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(names, true, UTF_8));
      System.setErr(new PrintStream(losses, true, UTF_8));
      TrainNames.main(new String[] {"201"});
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
    assertEquals(10, names.toString(UTF_8).lines().count());
    List<String> steps = losses.toString(UTF_8).lines().map(line -> line.split(":")[0]).toList();
    assertEquals(List.of("step 0", "step 100", "step 200"), steps);
  }
}
