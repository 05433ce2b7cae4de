package org.pygpt.datasets;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.pygpt.files.Checksums;
import org.pygpt.files.FileException;

/**
 * Immutable: token ids in a file of {@code pygpt prepare}, mapped into memory: a header of 64
 * bytes, then ids of two or four bytes each, little endian.
 *
 * @param path of the file
 * @param textBytes bytes of the text that the tokens stand for
 * @param fingerprint SHA-256 of the tokenizer, in hex
 */
public record TokenFile(Path path, MemorySegment ids, int width, long textBytes, String fingerprint)
    implements Tokens {
  private static final byte[] MAGIC = "pygpttok".getBytes(US_ASCII);
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 64;
  private static final int SHORT_IDS = 1 << 16; // a vocabulary of at most as many takes two bytes
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Opens a file.
   *
   * @throws FileException if it is missing, damaged, or of another kind
   */
  public static TokenFile open(Path path) throws FileException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      while (header.hasRemaining() && channel.read(header) >= 0) {}
      int read = header.position();
      boolean isOurs = read >= MAGIC.length && Arrays.equals(MAGIC, prefix(header.array()));
      require(isOurs, path, "expected a file of `pygpt prepare`, got another kind");
      require(read == HEADER_BYTES, path, "is damaged: it ends within its header");
      int version = header.getInt(8);
      require(version == VERSION, path, "expected version " + VERSION + ", got " + version);
      int width = header.getInt(12);
      require(
          width == 2 || width == 4,
          path,
          "is damaged: expected tokens of 2 or 4 bytes, got " + width);
      long count = header.getLong(16);
      long held = (channel.size() - HEADER_BYTES) / width;
      boolean isWhole =
          count >= 0 && count == held && channel.size() == HEADER_BYTES + count * width;
      require(
          isWhole,
          path,
          "is damaged: expected %,d tokens, as its header says, got %,d".formatted(count, held));
      require(count > 0, path, "expected tokens, got none");
      byte[] fingerprint = Arrays.copyOfRange(header.array(), 32, HEADER_BYTES);
      MemorySegment ids =
          channel.map(MapMode.READ_ONLY, HEADER_BYTES, count * width, Arena.ofAuto());
      return new TokenFile(
          path, ids, width, header.getLong(24), HexFormat.of().formatHex(fingerprint));
    } catch (IOException error) {
      throw new FileException("token file " + path + ": cannot be read", error);
    }
  }

  private static byte[] prefix(byte[] header) {
    return Arrays.copyOf(header, MAGIC.length);
  }

  private static void require(boolean holds, Path path, String problem) throws FileException {
    if (!holds) {
      throw new FileException("token file " + path + ": " + problem);
    }
  }

  /** Writes a file of the ids of a vocabulary, and waits until the disk has it. */
  static void write(Path path, int[] ids, int vocabSize, long textBytes, String fingerprint)
      throws IOException {
    int width = vocabSize <= SHORT_IDS ? 2 : 4;
    long size = HEADER_BYTES + (long) width * ids.length;
    try (Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(
                path,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
      MemorySegment bytes = channel.map(MapMode.READ_WRITE, 0, size, arena);
      MemorySegment.copy(MAGIC, 0, bytes, ValueLayout.JAVA_BYTE, 0, MAGIC.length);
      bytes.set(INT, 8, VERSION);
      bytes.set(INT, 12, width);
      bytes.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 16, ids.length);
      bytes.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 24, textBytes);
      MemorySegment.copy(
          HexFormat.of().parseHex(fingerprint), 0, bytes, ValueLayout.JAVA_BYTE, 32, 32);
      MemorySegment body = bytes.asSlice(HEADER_BYTES);
      for (int i = 0; i < ids.length; i++) {
        if (width == 2) {
          body.setAtIndex(SHORT, i, (short) ids[i]);
        } else {
          body.setAtIndex(INT, i, ids[i]);
        }
      }
      bytes.force();
      channel.force(true);
    }
  }

  @Override
  public long count() {
    return ids.byteSize() / width;
  }

  @Override
  public int get(long place) {
    return width == 2 ? ids.getAtIndex(SHORT, place) & 0xffff : ids.getAtIndex(INT, place);
  }

  /** Adds the tokenizer and the tokens to a digest, as Python's files do. */
  void addTo(MessageDigest digest) throws FileException {
    digest.update((fingerprint + "\n").getBytes(US_ASCII));
    try {
      Checksums.addTo(digest, path, HEADER_BYTES);
    } catch (IOException error) {
      throw new FileException("token file " + path + ": cannot be read", error);
    }
  }
}
