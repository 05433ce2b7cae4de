package org.pygpt.names;

import java.math.BigInteger;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.pygpt.backends.Backend;
import org.pygpt.files.ModelFolder;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;

/**
 * Immutable: the options of a run, with the field names of Python's {@code NamesConfig}, and its
 * files.
 *
 * @param data text to train on, or null for the names that come with pygpt
 * @param log where losses and names are written, or null
 * @param out where the model is saved, or null
 * @param from a saved model to sample from, or null to train one
 */
record NamesConfig(
    int steps,
    BigInteger seed,
    int samples,
    double temperature,
    int nLayer,
    int nEmbd,
    int nHead,
    int blockSize,
    double learningRate,
    Backend backend,
    Path data,
    Path log,
    Path out,
    Path from) {
  private static final Set<Option> OF_TRAINING =
      EnumSet.of(
          Option.STEPS,
          Option.N_LAYER,
          Option.N_EMBD,
          Option.N_HEAD,
          Option.BLOCK_SIZE,
          Option.LEARNING_RATE,
          Option.DATA,
          Option.OUT);

  /**
   * The configuration of these options, with defaults for those that are not given.
   *
   * @throws UsageException if a value is invalid, or two do not go together
   */
  static NamesConfig of(Map<Option, String> given) throws UsageException {
    try {
      NamesConfig config =
          new NamesConfig(
              whole(given, Option.STEPS, 1),
              seed(given),
              whole(given, Option.SAMPLES, 0),
              positive(given, Option.TEMPERATURE),
              whole(given, Option.N_LAYER, 1),
              whole(given, Option.N_EMBD, 1),
              whole(given, Option.N_HEAD, 1),
              whole(given, Option.BLOCK_SIZE, 1),
              positive(given, Option.LEARNING_RATE),
              Backend.of(text(given, Option.BACKEND)),
              path(given, Option.DATA),
              path(given, Option.LOG),
              path(given, Option.OUT),
              path(given, Option.FROM));
      config.modelConfig(1); // refuses sizes that do not fit each other
      config.checkPaths(given.keySet());
      return config;
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new UsageException(error.getMessage());
    }
  }

  private static String text(Map<Option, String> given, Option option) {
    return given.getOrDefault(option, option.defaultText);
  }

  private static int whole(Map<Option, String> given, Option option, int least)
      throws UsageException {
    String text = text(given, option);
    try {
      int value = Integer.parseInt(text);
      if (value >= least) {
        return value;
      }
    } catch (NumberFormatException error) {
      // Refused below, as a number that is too small.
    }
    throw problem(option, "a whole number from " + least + " to " + Integer.MAX_VALUE, text);
  }

  private static BigInteger seed(Map<Option, String> given) throws UsageException {
    String text = text(given, Option.SEED);
    try {
      return new BigInteger(text);
    } catch (NumberFormatException error) {
      throw problem(Option.SEED, "a whole number", text);
    }
  }

  private static double positive(Map<Option, String> given, Option option) throws UsageException {
    String text = text(given, option);
    try {
      double value = Double.parseDouble(text);
      if (value > 0 && value < Double.POSITIVE_INFINITY) {
        return value;
      }
    } catch (NumberFormatException error) {
      // Refused below, as a number that is not positive.
    }
    throw problem(option, "a finite number above 0", text);
  }

  private static Path path(Map<Option, String> given, Option option) throws UsageException {
    String text = given.get(option);
    if (text == null) {
      return null;
    }
    try {
      if (!text.isEmpty()) {
        return Path.of(text);
      }
    } catch (InvalidPathException error) { // Java writes paths in the locale's encoding
      throw problem(option, "a path in the locale's characters", text + "; try LC_ALL=C.UTF-8");
    }
    throw problem(option, "a path", "an empty text");
  }

  private static UsageException problem(Option option, String expected, String got) {
    return new UsageException(option.flag() + ": expected " + expected + ", got " + got);
  }

  /** The log must overwrite nothing that is read and must not get into a model. */
  private void checkPaths(Set<Option> given) throws UsageException {
    if (log != null) {
      Path real = ModelFolder.real(log);
      if (data != null && real.equals(ModelFolder.real(data))) {
        throw problem(Option.LOG, "another file than --data", log.toString());
      }
      for (Path folder : new Path[] {out, from}) {
        if (folder != null && real.startsWith(ModelFolder.real(folder))) {
          throw problem(Option.LOG, "a file outside the model", log.toString());
        }
      }
    }
    for (Option option : given) {
      if (from != null && OF_TRAINING.contains(option)) {
        throw new UsageException(option.flag() + " does not go with --from, which does not train");
      }
    }
  }

  /** The sizes of the model for a vocabulary of this size. */
  GPTConfig modelConfig(int vocabSize) {
    return GPTConfig.microgpt(blockSize, vocabSize, nLayer, nHead, nEmbd);
  }

  /** The type that Python's {@code pygpt.GPT} takes by default: float64 on {@code plain} alone. */
  DType dtype() {
    return backend == Backend.PLAIN ? DType.FLOAT64 : DType.FLOAT32;
  }
}
