package org.pygpt.names;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.pygpt.files.FileException;
import org.pygpt.text.Json;

/**
 * Mutable: the log of a run, one JSON object a line: {@code {"step": 1, "loss": 3.3659…}} for each
 * step, then {@code {"sample": "kamon"}} for each name.
 *
 * <p>Lines reach the file whole. Without a path nothing is written.
 */
final class JsonLog implements AutoCloseable {
  private final Path path;
  private final OutputStream file;

  /**
   * Opens the log, empty.
   *
   * @param path or null
   */
  JsonLog(Path path) throws FileException {
    this.path = path;
    try {
      file = path == null ? OutputStream.nullOutputStream() : Files.newOutputStream(path);
    } catch (IOException error) {
      throw failure(error);
    }
  }

  /** Writes the losses of the steps from {@code first} (counted from 0) on. */
  void losses(int first, double[] losses) throws FileException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < losses.length; i++) {
      lines.append("{\"step\": ").append(first + i + 1);
      lines.append(", \"loss\": ").append(losses[i]).append("}\n");
    }
    write(lines);
  }

  /** Writes the samples, in order. */
  void samples(List<String> samples) throws FileException {
    StringBuilder lines = new StringBuilder();
    for (String sample : samples) {
      lines.append("{\"sample\": ").append(Json.quote(sample)).append("}\n");
    }
    write(lines);
  }

  private void write(StringBuilder lines) throws FileException {
    try {
      file.write(lines.toString().getBytes(UTF_8));
    } catch (IOException error) {
      throw failure(error);
    }
  }

  private FileException failure(IOException error) {
    return new FileException("log file " + path + ": cannot be written", error);
  }

  @Override
  public void close() throws FileException {
    try {
      file.close();
    } catch (IOException error) {
      throw failure(error);
    }
  }
}
