package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PoemsTest {
  @Test
  void aModelLearnsALine(@TempDir Path folder) throws Exception {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "Tyger Tyger, burning bright,\n".repeat(60));
    Path run = folder.resolve("run");
    Poems.train(text, run, 12);
    String line = Poems.continued(run, "Ty");
    assertTrue(line.startsWith("Ty"), line);
    assertEquals(42, line.length());
  }
}
