package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** SHA256SUMS: shows damage in a folder of files; {@code sha256sum -c SHA256SUMS} reads it too. */
public final class Checksums {
  /** Where the sums of a folder's files are. */
  public static final String FILE = "SHA256SUMS";

  private static final int BLOCK = 1 << 16; // of a file's bytes that a fingerprint reads
  private static final long MOST_BLOCKS = 1 << 12;

  private Checksums() {}

  /** A new SHA-256. */
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every Java has it
    }
  }

  /**
   * Adds a file's size and its bytes to a digest: of more than 256 MB it is 4,096 blocks of 64 KB,
   * from all over the file, that are read.
   *
   * @param start the first byte that counts
   */
  public static void addTo(MessageDigest digest, Path path, long start) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size() - start;
      digest.update((size + "\n").getBytes(UTF_8));
      long blocks = (size + BLOCK - 1) / BLOCK;
      ByteBuffer buffer = ByteBuffer.allocate(BLOCK);
      for (long i = 0; i < Math.min(blocks, MOST_BLOCKS); i++) {
        long block = blocks <= MOST_BLOCKS ? i : i * blocks / MOST_BLOCKS;
        channel.position(start + block * BLOCK);
        buffer.clear();
        while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
        digest.update(buffer.flip());
      }
    }
  }

  /** Writes the sums of all files that are in a folder. */
  public static void write(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> entries = Files.list(folder)) {
      entries.sorted().forEach(files::add);
    }
    StringBuilder lines = new StringBuilder();
    for (Path file : files) {
      lines.append(sha256(file)).append("  ").append(file.getFileName()).append('\n');
    }
    Files.writeString(folder.resolve(FILE), lines);
  }

  /**
   * Passes if these files of a folder are as its sums say.
   *
   * @throws FileException if one is missing, damaged, or without a sum
   */
  public static void verify(Path folder, Collection<String> names) throws FileException {
    String where = "checkpoint " + folder + ": ";
    try {
      Map<String, String> sums = new HashMap<>();
      for (String line : Files.readAllLines(folder.resolve(FILE))) {
        String[] parts = line.split("  ", 2);
        sums.put(parts[parts.length - 1], parts[0]);
      }
      for (String name : names) {
        if (!sha256(folder.resolve(name)).equals(sums.get(name))) {
          throw new FileException(where + name + " is damaged: its SHA-256 is not that of " + FILE);
        }
      }
    } catch (NoSuchFileException error) {
      throw new FileException(where + Path.of(error.getFile()).getFileName() + " is missing");
    } catch (IOException error) {
      throw new FileException(where + "cannot be read", error);
    }
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest = sha256();
    byte[] buffer = new byte[BLOCK];
    try (InputStream in = Files.newInputStream(file)) {
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        digest.update(buffer, 0, count);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
