package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;
import org.pygpt.text.CharTokenizer;

/** Files as documents, beside Python's answers in tests/golden. */
class DocumentsTest {
  @TempDir Path folder;

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("file.txt"), content);
  }

  private static String problem(Path path) {
    String message = assertThrows(FileException.class, () -> Documents.read(path)).getMessage();
    String start = "data file " + path + ": ";
    assertEquals(start, message.substring(0, start.length()));
    return message.substring(start.length());
  }

  @Test
  void shippedNamesAreThoseOfTheFile() throws Exception {
    List<String> names = Documents.shippedNames();
    assertEquals(32033, names.size());
    assertEquals(Documents.read(Path.of("pygpt", "data", "names.txt")), names);
  }

  @Test
  void filesAreReadAsInPython() throws Exception {
    var files = Golden.json("python_answers.json").get("files");
    assertEquals(2, files.size());
    for (var fields = files.fields(); fields.hasNext(); ) {
      var field = fields.next();
      JsonNode answers = field.getValue();
      List<String> documents = Documents.read(Golden.DATA.resolve(field.getKey()));
      assertEquals(Golden.texts(answers.get("documents")), documents);
      CharTokenizer tokenizer = CharTokenizer.train(documents);
      assertEquals(answers.get("characters").textValue(), tokenizer.characters());
      for (int d = 0; d < documents.size(); d++) {
        assertArrayEquals(
            Golden.ints(answers.get("ids").get(d)), tokenizer.encodeDocument(documents.get(d)));
      }
    }
  }

  @Test
  void lines() throws Exception {
    byte[] content = " a b\r\n\r\n\t\rc\n\u2028\n\u00e9\u0085x\u3000".getBytes(UTF_8);
    assertEquals(List.of("a b", "c", "\u00e9\u0085x"), Documents.read(file(content)));
    assertEquals(List.of("a", "\ufeffb"), Documents.read(file("\ufeffa\n\ufeffb".getBytes(UTF_8))));
  }

  @Test
  void whiteSpaceIsPythons() throws Exception {
    Set<Integer> spaces = new HashSet<>();
    for (int c : Golden.ints(Golden.json("python_answers.json").get("spaces"))) {
      spaces.add(c);
    }
    for (int c = 1; c < 0xd800; c++) { // from there on are surrogates and no spaces
      if (c != '\n' && c != '\r') {
        String text = Character.toString(c) + "x" + Character.toString(c);
        List<String> expected = List.of(spaces.contains(c) ? "x" : text);
        assertEquals(expected, Documents.split(text, ""));
      }
    }
  }

  @Test
  void encodingIsCheckedAsInPython() throws Exception {
    for (JsonNode answer : Golden.json("python_answers.json").get("utf8")) {
      byte[] content = HexFormat.of().parseHex(answer.get(0).textValue());
      Path path = file(content);
      if (answer.get(1).isNull()) {
        String text = new String(content, UTF_8).replaceFirst("^\ufeff", ""); // the mark is no text
        assertEquals(List.of(text), Documents.read(path));
      } else {
        int offset = answer.get(1).intValue();
        String expected =
            String.format(
                "expected UTF-8, got byte 0x%02x at offset %d; convert the file to UTF-8",
                content[offset], offset);
        assertEquals(expected, problem(path), answer.toString());
      }
    }
  }

  @Test
  void whatHoldsNoText() throws IOException {
    assertEquals("expected at least one line of text, got none", problem(file(new byte[0])));
    assertEquals(
        "expected at least one line of text, got none", problem(file(" \r\n\t\n".getBytes(UTF_8))));
    assertEquals(
        "expected text, got a binary file (a zero byte at offset 2)",
        problem(file("ab\0c\u00e9".getBytes(UTF_8))));
    assertEquals("expected a text file, got a folder", problem(folder));
    assertEquals("there is no such file", problem(folder.resolve("none")));
    assertEquals("cannot be read: Not a directory", problem(file(new byte[1]).resolve("in_it")));
  }
}
