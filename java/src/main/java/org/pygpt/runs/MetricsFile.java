package org.pygpt.runs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.pygpt.files.FileException;
import org.pygpt.text.Json;

/** Mutable: metrics.jsonl, one JSON object a step; a run that goes on appends to it. */
final class MetricsFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;

  /** Opens the file of a run that has done that many steps; records of later ones are removed. */
  MetricsFile(Path path, int step) {
    this.path = path;
    try {
      long kept = step == 0 || !Files.exists(path) ? 0 : bytesUpTo(Files.readAllBytes(path), step);
      channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      channel.truncate(kept);
      channel.position(kept);
    } catch (IOException error) {
      throw problem(error);
    }
  }

  private static long bytesUpTo(byte[] bytes, int step) {
    int kept = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        if (stepOf(new String(bytes, kept, i - kept, UTF_8)) > step) {
          break;
        }
        kept = i + 1;
      }
    }
    return kept;
  }

  private static double stepOf(String line) {
    try {
      Object step = Json.parseObject(line).get("step");
      return step instanceof BigInteger number ? number.doubleValue() : Double.POSITIVE_INFINITY;
    } catch (IllegalArgumentException error) {
      return Double.POSITIVE_INFINITY;
    }
  }

  void write(Metrics metrics) {
    ByteBuffer line = ByteBuffer.wrap((Json.write(metrics.values()) + "\n").getBytes(UTF_8));
    try {
      while (line.hasRemaining()) {
        channel.write(line);
      }
    } catch (IOException error) {
      throw problem(error);
    }
  }

  private FileException problem(IOException error) {
    return new FileException("metrics file " + path + ": cannot be written", error);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException error) {
      throw problem(error);
    }
  }
}
