package org.pygpt.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/**
 * Mutable: a folder that is made beside its place and then put there: as a whole, or not at all.
 *
 * <p>It is removed at the end unless it is in its place, also where Ctrl-C or SIGTERM ends the
 * program. A folder that is in the place is replaced; at any moment one of the two is there.
 */
final class StagedFolder implements AutoCloseable {
  private final Path target;
  private final Path folder;
  private final Thread atExit = new Thread(this::remove, "remove staged folder");
  private boolean removed;

  /**
   * Makes the folder, beside its place.
   *
   * @param target absolute, with a name
   */
  StagedFolder(Path target) throws IOException {
    this.target = target;
    String mark = Integer.toHexString(ThreadLocalRandom.current().nextInt());
    folder = target.resolveSibling("." + target.getFileName() + "." + mark);
    try {
      Runtime.getRuntime().addShutdownHook(atExit);
    } catch (IllegalStateException error) {
      throw new CancellationException("the program ends");
    }
    try {
      make();
    } catch (IOException error) {
      close();
      throw error;
    }
  }

  private synchronized void make() throws IOException {
    throwIfRemoved();
    Files.createDirectory(folder);
  }

  /** What a file gets. */
  interface Content {
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /** Writes a file, and waits until it is on the disk, with its name. */
  void write(String name, Content content) throws IOException {
    try (FileChannel file = create(name)) {
      content.writeTo(file);
      file.force(true);
    }
    syncNames();
  }

  private synchronized void syncNames() throws IOException {
    throwIfRemoved();
    sync(folder);
  }

  private synchronized FileChannel create(String name) throws IOException {
    throwIfRemoved();
    return FileChannel.open(
        folder.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  /** Puts the folder in its place. */
  synchronized void moveIntoPlace() throws IOException {
    throwIfRemoved();
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      rename(folder, target);
    } else {
      Path aside = folder.resolveSibling(folder.getFileName() + ".old");
      rename(target, aside);
      try {
        rename(folder, target);
      } catch (IOException error) {
        rename(aside, target);
        throw error;
      }
      removeTree(aside);
    }
    sync(target.getParent());
  }

  private static void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Makes a folder's entries last through a crash, where the system can. */
  private static void sync(Path folder) throws IOException {
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  /** At the end of the program, the thread that writes may still be running: it stops here. */
  private void throwIfRemoved() {
    if (removed) {
      throw new CancellationException("the program ends");
    }
  }

  private synchronized void remove() {
    removed = true;
    try {
      removeTree(folder);
    } catch (IOException | UncheckedIOException error) {
      // Nobody is left who could do more about it.
    }
  }

  private static void removeTree(Path folder) throws IOException {
    if (Files.exists(folder)) {
      List<Path> files;
      try (Stream<Path> entries = Files.list(folder)) {
        files = entries.toList();
      }
      for (Path file : files) {
        Files.delete(file);
      }
      Files.delete(folder);
    }
  }

  @Override
  public void close() {
    remove();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException error) {
      // The program ends, and the hook runs.
    }
  }
}
