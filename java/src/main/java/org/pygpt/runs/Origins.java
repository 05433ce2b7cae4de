package org.pygpt.runs;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.pygpt.datasets.Source;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.PretrainedModel;
import org.pygpt.text.Json;

/** What a run began with, and whether what it goes on with is the same. */
final class Origins {
  private Origins() {}

  /**
   * What a run that goes on began with.
   *
   * @param model fields of the configuration
   * @param train fields of the options, without those that were derived
   * @param origin what its data are; null if that is not known
   * @param tokenizer the fingerprint of that of the data; null likewise
   */
  record Begun(
      Map<String, Object> model, Map<String, Object> train, Map<?, ?> origin, String tokenizer) {}

  /**
   * What a run has at its last checkpoint, or began with; null if it is none yet.
   *
   * @throws FileException if it has begun, but does not say with what
   */
  static Begun of(Path run) {
    RunFolder.check(run);
    if (!Files.isDirectory(run)) {
      return null;
    }
    Path folder = RunFolder.newest(run, TrainingRun.FILES);
    if (folder != null) {
      RunState state = RunState.read(folder);
      try (Arena arena = Arena.ofShared()) {
        return new Begun(
            PretrainedModel.open(folder, arena).config().values(),
            state.config().given(),
            state.origin(),
            state.tokenizer());
      }
    }
    String problem = "does not say what it began with";
    try {
      Path file = run.resolve(RunFolder.BEGUN_FILE);
      if (Files.isRegularFile(file)) {
        Map<String, Object> values = Json.parseObject(Files.readString(file));
        return new Begun(
            members(values.get("model")),
            members(values.get("train")),
            (Map<?, ?>) values.get("origin"),
            null);
      }
      if (!RunFolder.hasBegun(run)) {
        return null;
      }
    } catch (IOException | IllegalArgumentException | ClassCastException error) {
      problem = "its " + RunFolder.BEGUN_FILE + " is damaged: " + error.getMessage();
    }
    throw new FileException(
        "run folder %s: has no checkpoint to go on from, and %s; begin in another folder, or remove"
                .formatted(run, problem)
            + " it");
  }

  private static Map<String, Object> members(Object value) {
    Map<String, Object> members = new HashMap<>();
    ((Map<?, ?>) value).forEach((name, member) -> members.put((String) name, member));
    return members;
  }

  /**
   * Passes if data are those that a run began with, where both are known.
   *
   * @throws FileException if they are not
   */
  static void check(Map<?, ?> began, Map<?, ?> now) {
    if (began != null && !now.get("fingerprint").equals(began.get("fingerprint"))) {
      throw new FileException(
          "data "
              + now.get("folder")
              + ": are not those that the run began with, or have changed since; prepare them as"
              + " they were, or begin another run in another folder");
    }
  }

  /**
   * Passes if a run is not told to go on with another text than it began with.
   *
   * @param began what the data were made of
   * @param given what is said now
   */
  static void checkSource(Map<?, ?> began, Map<String, Object> given) {
    given.forEach((name, value) -> {
      Object byDefault = began.isEmpty() ? value : name.equals("lines") ? null : "";
      Object expected = began.containsKey(name) ? began.get(name) : byDefault;
      boolean isSame =
          value.equals(expected)
              || name.equals("source")
                  && ModelFolder.real(Path.of((String) value))
                      .equals(ModelFolder.real(Path.of(String.valueOf(expected))));
      if (!isSame) {
        throw new IllegalArgumentException(
            "%s: expected %s, as the run began with, got %s"
                .formatted(name.equals("source") ? "data" : name, expected, value));
      }
    });
    if (given.get("source") instanceof String source) {
      String now = new Source(source, Source.Reading.USUAL).fingerprint();
      Object then = began.get("fingerprint");
      if (!now.isEmpty() && then != null && !then.equals(now)) {
        throw new FileException(
            "data "
                + source
                + ": has changed since the run began; leave it out to go on with what was prepared"
                + " then, or begin another run in another folder");
      }
    }
  }
}
