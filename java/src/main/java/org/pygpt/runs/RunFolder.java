package org.pygpt.runs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.pygpt.files.Checksums;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.StagedFolder;

/**
 * Mutable: holds a run's folder until {@code close}; its checkpoints are there as a whole or not at
 * all. The folder is Python's:
 *
 * <pre>
 * run/lock                held by the process that trains
 * run/metrics.jsonl       one record a step
 * run/data/               token files that were made for this run
 * run/begun.json          what the run began with, until there is a checkpoint
 * run/step-00000250/      a checkpoint
 * run/last, run/best      links to checkpoints
 * </pre>
 */
final class RunFolder implements AutoCloseable {
  static final String METRICS_FILE = "metrics.jsonl";
  static final String BEGUN_FILE = "begun.json";
  static final String DATA = "data";

  private static final String LOCK_FILE = "lock";
  private static final String LAST = "last";
  private static final String BEST = "best";
  private static final Pattern STEP = Pattern.compile("step-(\\d{8,})");
  private static final Pattern LEFT_OVER =
      Pattern.compile("\\.(step-\\d{8,}|last|best)\\..*"); // by a process that was killed

  private final Path path;
  private final String what;
  private final List<Path> made; // the folder, and those above it, that were not there
  private final RunLock lock;

  /**
   * Holds a folder, new or with checkpoints.
   *
   * @throws FileException if another process holds it, it is no run's, or it cannot be written
   */
  RunFolder(Path given) {
    what = "run folder " + given;
    check(given);
    path = ModelFolder.real(given);
    made =
        Stream.iterate(path, Objects::nonNull, Path::getParent).filter(Files::notExists).toList();
    try {
      Files.createDirectories(path);
      lock = new RunLock(path.resolve(LOCK_FILE), what);
      for (Path entry : entries(path)) {
        if (LEFT_OVER.matcher(entry.getFileName().toString()).matches()) {
          FileUtils.forceDelete(entry.toFile());
        }
      }
    } catch (IOException error) {
      throw new FileException(what + ": cannot be written", error);
    }
  }

  Path path() {
    return path;
  }

  private static List<Path> entries(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.toList();
    }
  }

  /**
   * Passes if a folder is a run's, or can become one: it is empty, or not there.
   *
   * @throws FileException if it is something else
   */
  static void check(Path path) {
    try {
      boolean isOther =
          Files.isDirectory(path)
              && !Files.exists(path.resolve(LOCK_FILE))
              && !entries(path).isEmpty();
      if (isOther || Files.exists(path) && !Files.isDirectory(path)) {
        throw new FileException(
            "run folder " + path + ": exists and is no run of pygpt; choose another name");
      }
    } catch (IOException error) {
      throw new FileException("run folder " + path + ": cannot be written", error);
    }
  }

  /** The steps after which there is a checkpoint, in order. */
  static List<Integer> steps(Path run) {
    if (!Files.isDirectory(run)) {
      return List.of();
    }
    try {
      return entries(run).stream()
          .filter(entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS))
          .map(entry -> STEP.matcher(entry.getFileName().toString()))
          .filter(Matcher::matches)
          .map(match -> Integer.valueOf(match.group(1)))
          .sorted()
          .toList();
    } catch (IOException error) {
      throw new FileException("run folder " + run + ": cannot be read", error);
    }
  }

  /** The folder of a checkpoint. */
  static Path checkpoint(Path run, int step) {
    return run.resolve("step-%08d".formatted(step));
  }

  /**
   * The newest checkpoint, these files of which are intact; null if there is none.
   *
   * @throws FileException if it is damaged; the message names the newest that is not
   */
  static Path newest(Path run, Collection<String> names) {
    FileException damage = null;
    for (int step : steps(run).reversed()) {
      Path folder = checkpoint(run, step);
      try {
        Checksums.verify(folder, names);
      } catch (FileException error) {
        damage = damage == null ? error : damage;
        continue;
      }
      if (damage == null) {
        return folder;
      }
      throw new FileException(
          damage.getMessage()
              + "; "
              + folder.getFileName()
              + " is intact: remove what is newer to go on from there");
    }
    if (damage != null) {
      throw new FileException(damage.getMessage() + "; there is no other that is intact");
    }
    return null;
  }

  /**
   * Passes if a run has no checkpoints.
   *
   * @throws FileException if it has
   */
  static void checkUnused(Path run) {
    List<Integer> steps = steps(run);
    if (!steps.isEmpty()) {
      throw new FileException(
          "run folder %s: has a run of %d steps; resume it, or choose another folder"
              .formatted(run, steps.getLast()));
    }
  }

  /** Whether a folder has the data or the records of a run. */
  static boolean hasBegun(Path run) throws IOException {
    Path metrics = run.resolve(METRICS_FILE);
    return Files.exists(run.resolve(DATA))
        || Files.isRegularFile(metrics) && Files.size(metrics) > 0;
  }

  /**
   * Writes a checkpoint; then removes all but the {@code keep} newest and the best.
   *
   * @param best the step of the best one, or -1
   * @throws FileException if it cannot be written; all others are as they were
   */
  void write(int step, int best, int keep, StagedFolder.Filling filling) {
    Path target = checkpoint(path, step);
    StagedFolder.inPlace(
        target,
        "output folder " + target,
        folder -> {
          filling.fill(folder);
          Checksums.write(folder);
        });
    try {
      point(step, best);
      Files.deleteIfExists(path.resolve(BEGUN_FILE));
      List<Integer> steps = steps(path);
      for (int old : steps.subList(0, Math.max(0, steps.size() - keep))) {
        if (old != best && old != step) {
          Path checkpoint = checkpoint(path, old);
          Path doomed = path.resolve("." + checkpoint.getFileName() + "." + mark());
          Files.move(checkpoint, doomed, StandardCopyOption.ATOMIC_MOVE); // never half a checkpoint
          FileUtils.deleteDirectory(doomed.toFile());
        }
      }
    } catch (IOException error) {
      throw new FileException(what + ": cannot be written", error);
    }
  }

  private static String mark() {
    return "%08x".formatted(ThreadLocalRandom.current().nextInt());
  }

  /** Makes the links {@code last} and {@code best}, where the system allows links. */
  void point(int last, int best) throws IOException {
    point(LAST, last);
    point(BEST, best);
  }

  private void point(String name, int step) throws IOException {
    Path link = path.resolve(name);
    if (step < 0 || !Files.isDirectory(checkpoint(path, step))) {
      Files.deleteIfExists(link);
      return;
    }
    Path staged = path.resolve("." + name + "." + mark());
    try {
      Files.createSymbolicLink(staged, checkpoint(path, step).getFileName());
    } catch (IOException | UnsupportedOperationException error) {
      if (System.getProperty("os.name").startsWith("Windows")) {
        return; // which asks for a right that few users have
      }
      throw error;
    }
    Files.move(staged, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Writes what the run begins with. */
  void writeBegun(String json) {
    Path file = path.resolve(BEGUN_FILE);
    Path staged = path.resolve("." + BEGUN_FILE + "." + mark());
    try {
      Files.write(staged, json.getBytes(UTF_8));
      Files.move(staged, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException error) {
      throw new FileException("output file " + file + ": cannot be written", error);
    }
  }

  /** Removes what a run that could not begin has left, if the folder was not there before. */
  void undo() {
    close();
    if (!made.isEmpty()) {
      try {
        FileUtils.deleteDirectory(path.toFile());
        for (Path folder : made.subList(1, made.size())) {
          Files.delete(folder);
        }
      } catch (IOException error) {
        // it stays, and is a run's folder without checkpoints
      }
    }
  }

  /** Lets another process have the folder; a second call does nothing. */
  @Override
  public void close() {
    lock.close();
  }
}
