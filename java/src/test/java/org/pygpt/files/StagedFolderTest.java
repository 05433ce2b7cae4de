package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** As a whole, or not at all. */
class StagedFolderTest {
  @TempDir Path temporary;
  private Path target;

  @BeforeEach
  void nameTarget() {
    target = temporary.resolve("target");
  }

  private static StagedFolder.Content text(String text) {
    return channel -> channel.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> entries = Files.list(temporary)) {
      return entries.map(entry -> entry.getFileName().toString()).toList();
    }
  }

  @Test
  void isThereOnceItIsMoved() throws IOException {
    for (String content : List.of("first", "second")) {
      try (StagedFolder staged = new StagedFolder(target)) {
        staged.write("file", text(content));
        assertTrue(names().stream().anyMatch(name -> name.startsWith(".target.")));
        staged.moveIntoPlace();
      }
      assertEquals(content, Files.readString(target.resolve("file")));
      assertEquals(List.of("target"), names());
    }
  }

  @Test
  void leavesNothingIfItIsNotMoved() throws IOException {
    try (StagedFolder staged = new StagedFolder(target)) {
      staged.write("file", text("text"));
    }
    assertEquals(List.of(), names());
  }

  @Test
  void aFailedReplacementLeavesTheOldOne() throws IOException {
    Files.createDirectory(target);
    Files.writeString(target.resolve("file"), "old");
    try (StagedFolder staged = new StagedFolder(target)) {
      String hidden = names().stream().filter(name -> name.startsWith(".")).findAny().get();
      Files.delete(temporary.resolve(hidden)); // so that it cannot be moved
      assertThrows(IOException.class, staged::moveIntoPlace);
    }
    assertEquals("old", Files.readString(target.resolve("file")));
    assertEquals(List.of("target"), names());
  }

  /** What the shutdown hook does while the program's own thread still writes. */
  @Test
  void theEndOfTheProgramStopsIt() throws IOException {
    Files.createDirectory(target);
    StagedFolder staged = new StagedFolder(target);
    staged.write("file", text("half of all"));
    staged.close();
    assertEquals(List.of("target"), names());
    assertThrows(CancellationException.class, () -> staged.write("more", text("the rest")));
    assertThrows(CancellationException.class, staged::moveIntoPlace);
    assertEquals(List.of("target"), names());
  }
}
