package org.pygpt.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.text.Json;

/** Mutable: lines of JSON that are printed and appended to a file as they come. */
final class Report {
  private final Path file;
  private final long start = System.nanoTime();
  private int failures;

  /** Begins a report; a file that is there is continued. */
  Report(Path file) {
    this.file = file;
  }

  /** A line: its kind and what it measures, then names and values in turn. */
  void line(String kind, String what, Object... values) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put(kind, what);
    for (int i = 0; i < values.length; i += 2) {
      line.put((String) values[i], values[i + 1]);
    }
    line.put("at_s", Math.round(seconds() * 10) / 10.0);
    String text = Json.write(line);
    System.out.println(text);
    try {
      Files.writeString(file, text + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** A comparison: how far off it is, and how far it may be. */
  void check(String what, double error, double allowed, Object... values) {
    boolean ok = error <= allowed;
    failures += ok ? 0 : 1;
    Object[] all = new Object[values.length + 6];
    System.arraycopy(values, 0, all, 0, values.length);
    Object[] last = {"error", error, "allowed", allowed, "ok", ok};
    System.arraycopy(last, 0, all, values.length, last.length);
    line("check", what, all);
  }

  /** Runs a part; what it throws is a line, and does not stop the parts after it. */
  void part(String name, Runnable part) {
    try {
      part.run();
    } catch (RuntimeException | Error error) {
      failures++;
      line("failed", name, "message", String.valueOf(error));
    }
  }

  double seconds() {
    return (System.nanoTime() - start) / 1e9;
  }

  int failures() {
    return failures;
  }
}
