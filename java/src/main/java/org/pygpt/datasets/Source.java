package org.pygpt.datasets;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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

  private static final String FIELD = "text"; // where most collections of documents have it
  private static final List<String> ONLY_IN_PYTHON =
      List.of(".json", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".zst", ".bz2", ".xz");

  private final String name;
  private final String field;
  private final Boolean lines;
  private final String format;

  /**
   * The source of a name.
   *
   * @param name {@code shakespeare} or {@code names}; a file; {@code -}; or a folder, whose files
   *     are read in the order of their paths
   * @param field where JSON-lines have the text; null for {@code text}
   * @param lines whether each line of a text is a document, and not the file; null for yes where
   *     there is text
   * @param format {@code text} or {@code jsonl}, whatever the files' names say; null or empty for
   *     what they say
   */
  public Source(String name, String field, Boolean lines, String format) {
    this.name = name;
    this.field = field;
    this.lines = lines;
    this.format = format == null ? "" : format;
    boolean known = this.format.isEmpty() || List.of("text", "jsonl").contains(this.format);
    if (!known) {
      throw new IllegalArgumentException(
          "format: expected one of text, jsonl in Java, got " + format);
    }
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
    if (format.isEmpty() && ONLY_IN_PYTHON.stream().anyMatch(plain::endsWith)) {
      throw new FileException(
          "data file "
              + file
              + ": expected text or JSON-lines in Java; Python's `pygpt prepare` makes a folder of"
              + " it that Java reads");
    }
    boolean isJson =
        format.isEmpty()
            ? Stream.of(".jsonl", ".ndjson", ".jsonlines").anyMatch(plain::endsWith)
            : format.equals("jsonl");
    String text = file == null ? Documents.standardInput() : Documents.text(file);
    if (isJson) {
      if (Boolean.TRUE.equals(lines)) {
        throw new IllegalArgumentException("lines: expected text files, got JSON-lines: " + file);
      }
      addRows("data file " + file, text, documents);
    } else {
      if (field != null) {
        throw new IllegalArgumentException("field: expected JSON-lines, got text: " + file);
      }
      add(text, documents);
    }
  }

  private void add(String text, List<String> documents) {
    if (lines == null || lines) {
      documents.addAll(Documents.lines(text));
    } else if (!text.isEmpty()) {
      documents.add(text);
    }
  }

  private void addRows(String where, String text, List<String> documents) {
    String key = field == null ? FIELD : field;
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
          documents.add(found);
        } catch (IllegalArgumentException error) {
          throw new FileException(at + ": expected a JSON object: " + error.getMessage());
        }
      }
    }
    documents.removeIf(String::isEmpty);
  }
}
