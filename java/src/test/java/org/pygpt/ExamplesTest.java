package org.pygpt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import examples.Microgpt;
import examples.Snippets;
import examples.TrainNames;
import examples.Xor;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.DocumentationTool;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

  @Test
  void snippetsRun(@TempDir Path folder) throws Exception {
    Path text = folder.resolve("text.txt");
    String line = "To be or not: what is a monad? Shorter, please. What is What?\n";
    Files.writeString(text, line.repeat(90));
    Path trained = folder.resolve("run");
    Output output = run(_ -> Snippets.train(text, trained));
    assertEquals(20, output.out.size());
    assertTrue(Snippets.generate(trained).startsWith("To be"));
    assertEquals(30, Snippets.options().maxNewTokens());
    try (GPT model = GPT.load(trained)) {
      assertEquals(5, Snippets.stream(model).size());
      assertEquals(1, Snippets.similarity(model), 1);
      List<String> answers = new ArrayList<>();
      Output said = run(_ -> answers.addAll(Snippets.chat(model)));
      assertEquals(32, answers.getFirst().length()); // half the context: nothing ends it
      assertEquals(32, String.join("\n", said.out).length());
    }
  }

  @Test
  void documentationShowsThem(@TempDir Path made) throws Exception {
    Path folder = Path.of("java", "src", "main", "java", "org", "pygpt");
    var tool = ToolProvider.getSystemDocumentationTool();
    try (var files = tool.getStandardFileManager(null, null, UTF_8);
        var own = Files.list(folder)) {
      List<Path> sources = own.filter(file -> file.toString().endsWith(".java")).toList();
      files.setLocationFromPaths(DocumentationTool.Location.DOCUMENTATION_OUTPUT, List.of(made));
      List<String> options =
          List.of("-quiet", "-Xdoclint:all,-missing", "-Werror", "--snippet-path", "java/examples");
      var messages = new StringWriter();
      var task =
          tool.getTask(
              messages, files, null, null, options, files.getJavaFileObjectsFromPaths(sources));
      assertTrue(task.call(), messages::toString);
    }
  }
}
