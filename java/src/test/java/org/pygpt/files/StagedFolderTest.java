package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
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
  void isThereOnceItIsWritten() throws IOException {
    for (String content : List.of("first", "second")) {
      StagedFolder.write(target, Map.of("file", text(content)));
      assertEquals(content, Files.readString(target.resolve("file")));
      assertEquals(List.of("target"), names());
    }
  }

  @Test
  void withoutFilesNothingIsLeft() throws IOException {
    StagedFolder.write(target, Map.of());
    assertEquals(List.of(), names());
  }

  @Test
  void aFailureLeavesTheOldOne() throws IOException {
    StagedFolder.write(target, Map.of("file", text("old")));
    StagedFolder.Content full =
        channel -> {
          text("half of all").writeTo(channel);
          throw new IOException("No space left on device");
        };
    StagedFolder.Content unmovable =
        channel -> {
          for (String name : names()) {
            Path folder = temporary.resolve(name);
            if (name.startsWith(".target.")) {
              Files.delete(folder.resolve("file"));
              Files.delete(folder);
            }
          }
        };
    for (StagedFolder.Content content : List.of(full, unmovable)) {
      assertThrows(IOException.class, () -> StagedFolder.write(target, Map.of("file", content)));
      assertEquals("old", Files.readString(target.resolve("file")));
      assertEquals(List.of("target"), names());
    }
  }

  /** A program that is told to end while it writes: the folder is whole, and the only one. */
  @Test
  void theEndOfTheProgramWaits() throws Exception {
    List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().get()));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(SlowWriter.class.getName(), target.toString()));
    Process process = new ProcessBuilder(command).start();
    try (var output = process.inputReader()) {
      assertEquals("writing", output.readLine());
      process.toHandle().destroy(); // SIGTERM
      assertNull(output.readLine());
      assertEquals(143, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
    assertEquals("all of it", Files.readString(target.resolve("file")));
    assertEquals(List.of("target"), names());
  }

  /** Writes a folder slowly, and then another one. */
  static final class SlowWriter {
    private SlowWriter() {}

    public static void main(String[] arguments) throws IOException {
      Path target = Path.of(arguments[0]);
      StagedFolder.write(
          target,
          Map.of(
              "file",
              channel -> {
                text("all ").writeTo(channel);
                System.out.println("writing");
                LockSupport.parkNanos(500_000_000);
                text("of it").writeTo(channel);
              }));
      for (int i = 0; i < 1000; i++) {
        StagedFolder.write(target, Map.of("file", text("all of it")));
      }
      System.out.println("not ended");
    }
  }
}
