package org.pygpt.files;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;

/**
 * A folder that is made beside its place and then put there: as a whole, or not at all.
 *
 * <p>A folder that is in the place is replaced; at any moment one of the two is there. Where Ctrl-C
 * or SIGTERM ends the program, it waits for a folder that is being written, and no other is begun.
 */
public final class StagedFolder {
  private static final ReentrantLock LOCK = new ReentrantLock();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(LOCK::lock)); // and never unlocks
  }

  private StagedFolder() {}

  /** What a file gets. */
  interface Content {
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /** What fills a folder. */
  public interface Filling {
    /** Writes files into the folder. */
    void fill(Path folder) throws IOException;
  }

  /**
   * Fills a folder beside its place and puts it there when all its files are on the disk.
   *
   * @param what begins the message
   * @throws FileException if it cannot be written
   */
  public static void inPlace(Path target, String what, Filling filling) {
    try {
      put(target, true, filling);
    } catch (IOException error) {
      throw new FileException(what + ": cannot be written", error);
    }
  }

  /**
   * Writes a folder until it is on the disk; without files it only finds out if it can make one.
   */
  static void write(Path target, Map<String, Content> files) throws IOException {
    put(
        target,
        !files.isEmpty(),
        folder -> {
          for (var file : files.entrySet()) {
            try (var channel = FileChannel.open(folder.resolve(file.getKey()), CREATE_NEW, WRITE)) {
              file.getValue().writeTo(channel);
            }
          }
        });
  }

  private static void put(Path target, boolean stays, Filling filling) throws IOException {
    String mark = Integer.toHexString(ThreadLocalRandom.current().nextInt());
    Path folder = target.resolveSibling("." + target.getFileName() + "." + mark);
    LOCK.lock();
    try {
      Files.createDirectory(folder);
      filling.fill(folder);
      if (stays) {
        try (Stream<Path> files = Files.list(folder)) {
          for (Path file : files.toList()) {
            try (FileChannel channel = FileChannel.open(file, WRITE)) {
              channel.force(true);
            }
          }
        }
        sync(folder);
        moveIntoPlace(folder, target);
      }
    } finally {
      try {
        FileUtils.deleteDirectory(folder.toFile());
      } finally {
        LOCK.unlock();
      }
    }
  }

  private static void moveIntoPlace(Path folder, Path target) throws IOException {
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
      FileUtils.deleteDirectory(aside.toFile());
    }
    sync(target.getParent());
  }

  private static void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Makes a folder's entries last through a crash, where the system can. */
  static void sync(Path folder) throws IOException {
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      try (FileChannel channel = FileChannel.open(folder, READ)) {
        channel.force(true);
      }
    }
  }
}
