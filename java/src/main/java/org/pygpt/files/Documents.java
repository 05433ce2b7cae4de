package org.pygpt.files;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Text files as lists of documents: their lines, stripped, without those that are empty.
 *
 * <p>A line ends with \n, \r\n or \r. A byte order mark at the beginning is left out.
 */
public final class Documents {
  private static final String SHIPPED_NAMES = "names.txt";
  private static final String SHIPPED_SHAKESPEARE = "shakespeare.txt";

  private Documents() {}

  /** The 32,033 names that come with pygpt. */
  public static List<String> shippedNames() {
    try (InputStream stream = Documents.class.getResourceAsStream(SHIPPED_NAMES)) {
      return split(decode(stream.readAllBytes(), SHIPPED_NAMES), SHIPPED_NAMES);
    } catch (IOException | FileException error) {
      throw new IllegalStateException("the engine's jar is damaged", error);
    }
  }

  /** Shakespeare's works that come with pygpt, as one text. */
  public static String shippedShakespeare() {
    try (InputStream stream = Documents.class.getResourceAsStream(SHIPPED_SHAKESPEARE)) {
      if (stream == null) {
        throw new FileException("data shakespeare: is not in this jar; give a file");
      }
      return decode(stream.readAllBytes(), SHIPPED_SHAKESPEARE);
    } catch (IOException error) {
      throw new IllegalStateException("the engine's jar is damaged", error);
    }
  }

  /**
   * The text of a UTF-8 file, or of one with another byte order mark, packed by gzip or not, with
   * \\n as line ends.
   *
   * @throws FileException if it cannot be read, or is no text
   */
  public static String text(Path path) {
    return text(path, StandardCharsets.UTF_8);
  }

  /** The text of a file that is in this encoding unless it has a byte order mark. */
  public static String text(Path path, Charset charset) {
    String where = "data file " + path;
    try (InputStream file = Files.newInputStream(path)) {
      return text(file, charset, where);
    } catch (IOException error) {
      throw new FileException(where + ": cannot be read", error);
    }
  }

  /** The text of standard input; see {@link #text(Path, Charset)}. */
  public static String standardInput(Charset charset) {
    try {
      return text(System.in, charset, "data -");
    } catch (IOException error) {
      throw new FileException("data -: cannot be read", error);
    }
  }

  private static String text(InputStream file, Charset charset, String where) throws IOException {
    byte[] bytes = file.readAllBytes();
    if (bytes.length > 1 && bytes[0] == 0x1f && bytes[1] == (byte) 0x8b) {
      try (InputStream unpacked = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
        bytes = unpacked.readAllBytes();
      } catch (EOFException | ZipException error) {
        throw new FileException(where + ": is damaged, or ends too early: " + error.getMessage());
      }
    }
    boolean isUtf16 =
        bytes.length > 1
            && (bytes[0] == (byte) 0xff && bytes[1] == (byte) 0xfe
                || bytes[0] == (byte) 0xfe && bytes[1] == (byte) 0xff);
    boolean isOther = !isUtf16 && !charset.equals(StandardCharsets.UTF_8);
    String text =
        isUtf16 || isOther
            ? new String(bytes, isOther ? charset : StandardCharsets.UTF_16)
            : decode(bytes, where);
    return text.replace("\r\n", "\n").replace('\r', '\n');
  }

  /** The lines of a text, stripped, without those that are empty. */
  public static List<String> lines(String text) {
    return text.lines().map(Documents::strip).filter(line -> !line.isEmpty()).toList();
  }

  /**
   * The documents of a UTF-8 file.
   *
   * @throws FileException if there is no such file, it is a folder, not readable, binary, not
   *     UTF-8, or has no text
   */
  public static List<String> read(Path path) throws FileException {
    String where = "data file " + path;
    if (Files.isDirectory(path)) {
      throw new FileException(where + ": expected a text file, got a folder");
    }
    try {
      return split(decode(Files.readAllBytes(path), where), where);
    } catch (NoSuchFileException error) {
      throw new FileException(where + ": there is no such file");
    } catch (IOException error) {
      throw new FileException(where + ": cannot be read", error);
    }
  }

  private static String decode(byte[] bytes, String where) throws FileException {
    int zero = new String(bytes, StandardCharsets.ISO_8859_1).indexOf('\0');
    if (zero >= 0) {
      throw new FileException(
          where + ": expected text, got a binary file (a zero byte at offset " + zero + ")");
    }
    ByteBuffer in = ByteBuffer.wrap(bytes);
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(in).toString();
      return text.startsWith("\uFEFF") ? text.substring(1) : text; // a byte order mark is no text
    } catch (CharacterCodingException error) { // `in` is where the malformed sequence begins
      String problem =
          String.format(
              "expected UTF-8, got byte 0x%02x at offset %d; convert the file to UTF-8",
              bytes[in.position()], in.position());
      throw new FileException(where + ": " + problem);
    }
  }

  static List<String> split(String text, String where) throws FileException {
    List<String> documents = new ArrayList<>(lines(text)); // one that can be shuffled
    if (documents.isEmpty()) {
      throw new FileException(where + ": expected at least one line of text, got none");
    }
    return documents;
  }

  /** The text without the white space around it, by Unicode's notion of it, which Python has. */
  private static String strip(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isSpace(text.charAt(from))) {
      from++;
    }
    while (from < to && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /** Of Java's two notions one lacks the control characters, the other the no-break spaces. */
  private static boolean isSpace(char c) {
    return Character.isSpaceChar(c) || Character.isWhitespace(c) || c == 0x85;
  }
}
