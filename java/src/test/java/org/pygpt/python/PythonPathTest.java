package org.pygpt.python;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PythonPathTest {
  @TempDir Path temporary;
  private Path top;

  @BeforeEach
  void resolveTop() throws IOException {
    top = temporary.toRealPath();
  }

  @ParameterizedTest
  @CsvSource({
    "a, a",
    "./a, a",
    "a/./b/, a/b",
    "a//b, a/b",
    ".., ..",
    "./../a/.., ../a/..",
    "., .",
    "./., .",
    "/, /",
    "/./a, /a"
  })
  void isWrittenAsPathlibDoes(String text, String expected) {
    assertEquals(expected, PythonPath.of(text).toString());
  }

  @Test
  void realFollowsLinksAsFarAsThereIsSomething() throws IOException {
    Files.createDirectories(top.resolve("a/b"));
    Files.createSymbolicLink(top.resolve("link"), Path.of("a/b"));
    Files.createSymbolicLink(top.resolve("a/dangling"), Path.of("../none/x"));
    assertEquals(top.resolve("a/b"), PythonPath.real(top.resolve("link")));
    assertEquals(top.resolve("a/b/new/x"), PythonPath.real(top.resolve("link/new/x")));
    assertEquals(top.resolve("a"), PythonPath.real(top.resolve("link/..")));
    assertEquals(top.resolve("x"), PythonPath.real(top.resolve("none/../x")));
    assertEquals(top.resolve("none/x/y"), PythonPath.real(top.resolve("a/dangling/y")));
  }

  @Test
  void aLoopEnds() throws IOException {
    Files.createSymbolicLink(top.resolve("loop"), Path.of("loop"));
    assertEquals(top.resolve("loop"), PythonPath.real(top.resolve("loop")));
  }

  @Test
  void relativePathsBecomeAbsolute() throws IOException {
    assertEquals(Path.of("").toRealPath().resolve("none"), PythonPath.real(Path.of("none")));
  }
}
