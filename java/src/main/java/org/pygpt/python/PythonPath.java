package org.pygpt.python;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Paths as Python's {@code pathlib.Path} writes them and {@code os.path.realpath} follows them. */
public final class PythonPath {
  private static final int MOST_LINKS = 40; // what Linux follows before it speaks of a loop

  private PythonPath() {}

  /**
   * The path that a user wrote, without the parts that say "here".
   *
   * @throws java.nio.file.InvalidPathException if the system has no such path
   */
  public static Path of(String text) {
    Path path = Path.of(text);
    Path cleaned = path.getRoot() == null ? Path.of("") : path.getRoot();
    for (Path part : path) {
      if (!part.toString().equals(".")) {
        cleaned = cleaned.resolve(part);
      }
    }
    return cleaned.toString().isEmpty() ? Path.of(".") : cleaned;
  }

  /** The absolute path without symbolic links, as far as there is something. */
  public static Path real(Path path) {
    return real(path.toAbsolutePath(), MOST_LINKS);
  }

  private static Path real(Path path, int links) {
    try {
      return path.toRealPath();
    } catch (IOException error) { // not there, or not allowed, or a loop: follow it part by part
      if (path.getParent() == null) {
        return path;
      }
    }
    Path real = real(path.getParent(), links).resolve(path.getFileName()).normalize();
    if (links > 0 && Files.isSymbolicLink(real)) {
      try {
        return real(real.resolveSibling(Files.readSymbolicLink(real)), links - 1);
      } catch (IOException error) {
        return real;
      }
    }
    return real;
  }
}
