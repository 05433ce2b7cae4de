package org.pygpt.datasets;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pygpt.files.Checksums;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.text.Json;

/**
 * Where text comes from: what ships with pygpt, a file, standard input, or a folder of files.
 *
 * <p>Java reads text and JSON-lines, also packed by gzip; Python's {@code pygpt prepare} reads
 * more.
 */
public final class Source {
  /** What ships with pygpt. */
  public static final List<String> SHIPPED = List.of("shakespeare", "names");

  private static final Pattern LINE_ENDS = Pattern.compile("\\A[\r\n]+|[\r\n]+\\z");
  private static final String FIELD = "text"; // where most collections of documents have it
  private static final List<String> ONLY_IN_PYTHON =
      List.of(".json", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".zst", ".bz2", ".xz");

  private final String name;
  private final Reading reading;

  /**
   * How text is read; empty texts stand for what is usual.
   *
   * @param field where JSON-lines have the text; {@code text} by default
   * @param format {@code text} or {@code jsonl}, whatever the files' names say
   * @param encoding of files without a byte order mark; UTF-8 by default
   * @param separator what stands between documents within a text
   * @param lines whether each line of a text is a document, and not the file; null for yes where
   *     there is text
   */
  public record Reading(
      String field, String format, String encoding, String separator, Boolean lines) {
    /** Each text file is a document. */
    public static final Reading USUAL = new Reading("", "", "", "", false);

    /** Checks the names. */
    public Reading {
      if (!List.of("", "text", "jsonl").contains(format)) {
        throw new IllegalArgumentException(
            "format: expected one of text, jsonl in Java, got " + format);
      }
      if (!encoding.isEmpty() && !Charset.isSupported(encoding)) {
        throw new IllegalArgumentException(
            "encoding: expected one such as utf-8, cp1252, got " + encoding);
      }
    }
  }

  /**
   * The source of a name.
   *
   * @param name {@code shakespeare} or {@code names}; a file; {@code -}; or a folder, whose files
   *     are read in the order of their paths
   */
  public Source(String name, Reading reading) {
    this.name = name;
    this.reading = reading;
  }

  /**
   * All documents, in order; those that are empty are left out.
   *
   * @throws FileException if there is no such file, it cannot be read, is no text, or has none
   * @throws IllegalArgumentException for a field, or lines, of files that have none
   */
  public List<String> documents() {
    List<String> documents = new ArrayList<>();
    if (name.equals("names")) {
      return Documents.shippedNames();
    }
    if (name.equals("shakespeare")) {
      add(Documents.shippedShakespeare(), documents);
    } else if (name.equals("-")) {
      read(null, documents);
    } else {
      for (Path file : files(Path.of(name))) {
        read(file, documents);
      }
    }
    documents.removeIf(String::isEmpty);
    if (documents.isEmpty()) {
      throw new FileException("data " + name + ": expected text, got none");
    }
    return documents;
  }

  /** The SHA-256, in hex, of the files; nothing of what ships, or of standard input. */
  public String fingerprint() {
    if (SHIPPED.contains(name) || !Files.exists(Path.of(name))) {
      return "";
    }
    MessageDigest digest = Checksums.sha256();
    try {
      for (Path file : files(Path.of(name))) {
        Checksums.addTo(digest, file, 0);
      }
    } catch (IOException error) {
      throw new FileException("data " + name + ": cannot be read", error);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static List<Path> files(Path top) {
    if (Files.isRegularFile(top)) {
      return List.of(top);
    }
    if (!Files.isDirectory(top)) {
      String state = Files.exists(top) ? "expected a file or a folder" : "there is no such file";
      throw new FileException("data file " + top + ": " + state);
    }
    try (Stream<Path> found = Files.walk(top)) {
      List<Path> files =
          found
              .filter(Files::isRegularFile)
              .filter(file -> !isHidden(top.relativize(file)))
              .sorted()
              .toList();
      if (files.isEmpty()) {
        throw new FileException("data folder " + top + ": expected files, got none");
      }
      return files;
    } catch (IOException error) {
      throw new FileException("data folder " + top + ": cannot be read", error);
    }
  }

  private static boolean isHidden(Path path) {
    for (Path part : path) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  private void read(Path file, List<String> documents) {
    String name = file == null ? "" : file.getFileName().toString().toLowerCase(Locale.ROOT);
    String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    if (reading.format.isEmpty() && ONLY_IN_PYTHON.stream().anyMatch(plain::endsWith)) {
      throw new FileException(
          "data file "
              + file
              + ": expected text or JSON-lines in Java; Python's `pygpt prepare` makes a folder of"
              + " it that Java reads");
    }
    boolean isJson =
        reading.format.isEmpty()
            ? Stream.of(".jsonl", ".ndjson", ".jsonlines").anyMatch(plain::endsWith)
            : reading.format.equals("jsonl");
    Charset charset = reading.encoding.isEmpty() ? UTF_8 : Charset.forName(reading.encoding);
    String text = file == null ? Documents.standardInput(charset) : Documents.text(file, charset);
    if (isJson) {
      if (Boolean.TRUE.equals(reading.lines)) {
        throw new IllegalArgumentException("lines: expected text files, got JSON-lines: " + file);
      }
      addRows("data file " + file, text, documents);
    } else {
      if (!reading.field.isEmpty()) {
        throw new IllegalArgumentException("field: expected JSON-lines, got text: " + file);
      }
      add(text, documents);
    }
  }

  private void add(String text, List<String> documents) {
    if (reading.lines == null || reading.lines) {
      Documents.lines(text).forEach(line -> addParts(line, documents));
    } else {
      addParts(text, documents);
    }
  }

  /** Adds a text, or the documents that separators divide it into. */
  private void addParts(String text, List<String> documents) {
    if (reading.separator.isEmpty()) {
      documents.add(text);
      return;
    }
    for (String part : text.split(Pattern.quote(reading.separator), -1)) {
      if (!part.isBlank()) {
        documents.add(LINE_ENDS.matcher(part).replaceAll(""));
      }
    }
  }

  private void addRows(String where, String text, List<String> documents) {
    String key = reading.field.isEmpty() ? FIELD : reading.field;
    int number = 0;
    for (String line : text.split("\n")) {
      number++;
      if (!line.isBlank()) {
        String at = where + ": line " + number;
        try {
          Map<String, Object> values = Json.parseObject(line);
          if (!(values.get(key) instanceof String found)) {
            throw new FileException(at + ": expected a field '" + key + "' with text");
          }
          if (!UTF_8.newEncoder().canEncode(found)) {
            throw new FileException(
                at + ": " + key + ": expected whole characters, got half a surrogate pair");
          }
          addParts(found, documents);
        } catch (IllegalArgumentException error) {
          throw new FileException(at + ": expected a JSON object: " + error.getMessage());
        }
      }
    }
  }
}
