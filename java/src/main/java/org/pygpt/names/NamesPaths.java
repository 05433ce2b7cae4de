package org.pygpt.names;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.pygpt.python.PythonPath;
import org.pygpt.python.PythonText;

/**
 * Immutable: the files and folders of a run, each null where it is not given.
 *
 * @param data text to train on
 * @param log where losses and names are written
 * @param out where the model is saved
 * @param from a saved model
 */
record NamesPaths(Path data, Path log, Path out, Path from) {
  /** The options that {@code --from} goes with; the others are for training. */
  private static final List<Option> WITH_FROM =
      List.of(
          Option.SEED,
          Option.SAMPLES,
          Option.TEMPERATURE,
          Option.BACKEND,
          Option.LOG,
          Option.FROM,
          Option.QUIET);

  /**
   * The paths of these options.
   *
   * @throws UsageException if one is empty, the log would overwrite what is read or get into a
   *     model, or an option does not go with {@code --from}
   */
  static NamesPaths of(Map<Option, Object> given) throws UsageException {
    NamesPaths paths =
        new NamesPaths(
            path(given, Option.DATA),
            path(given, Option.LOG),
            path(given, Option.OUT),
            path(given, Option.FROM));
    if (paths.log != null) {
      paths.checkLog();
    }
    if (paths.from != null) {
      for (Option option : given.keySet()) {
        if (!WITH_FROM.contains(option)) {
          throw new UsageException(
              option.flag() + " does not go with --from, which does not train");
        }
      }
    }
    return paths;
  }

  private static Path path(Map<Option, Object> given, Option option) throws UsageException {
    String text = (String) given.get(option);
    if (text == null) {
      return null;
    }
    String got = PythonText.repr(text);
    if (text.isEmpty()) {
      throw new UsageException(option.flag() + ": expected a path, got " + got);
    }
    try {
      return PythonPath.of(text);
    } catch (InvalidPathException error) { // Java writes paths in the locale's encoding
      throw new UsageException(
          option.flag()
              + ": expected a path in the locale's characters, got "
              + got
              + "; try LC_ALL=C.UTF-8");
    }
  }

  private void checkLog() throws UsageException {
    Path real = PythonPath.real(log);
    if (data != null && real.equals(PythonPath.real(data))) {
      throw new UsageException("--log: expected another file than --data, got " + log);
    }
    for (Path folder : new Path[] {out, from}) {
      if (folder != null && real.startsWith(PythonPath.real(folder))) {
        throw new UsageException("--log: expected a file outside the model, got " + log);
      }
    }
  }
}
