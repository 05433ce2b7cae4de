package org.pygpt.names;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Map;
import org.pygpt.backends.AutoBackend;
import org.pygpt.backends.Backend;
import org.pygpt.files.ModelFolder;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;

/**
 * Immutable: the options of a run, with the field names of Python's {@code NamesConfig}, and its
 * files.
 *
 * @param backend null for auto, which the size of the model decides on
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
  /** Of these options; IllegalArgumentException: one is invalid, or two do not go together. */
  static NamesConfig of(Map<Option, String> given) {
    NamesConfig config =
        new NamesConfig(
            Option.STEPS.value(given),
            Option.SEED.value(given),
            Option.SAMPLES.value(given),
            Option.TEMPERATURE.value(given),
            Option.N_LAYER.value(given),
            Option.N_EMBD.value(given),
            Option.N_HEAD.value(given),
            Option.BLOCK_SIZE.value(given),
            Option.LEARNING_RATE.value(given),
            backend(Option.BACKEND.value(given)),
            Option.DATA.value(given),
            Option.LOG.value(given),
            Option.OUT.value(given),
            Option.FROM.value(given));
    config.modelConfig(1); // refuses sizes that do not fit each other
    config.checkLog();
    for (Option option : given.keySet()) {
      if (config.from != null && Option.OF_TRAINING.contains(option)) {
        throw new IllegalArgumentException(
            option.flag() + " does not go with --from, which does not train");
      }
    }
    return config;
  }

  private static Backend backend(String name) {
    return name.equals(AutoBackend.NAME) ? null : Backend.of(name);
  }

  /** The log must overwrite nothing that is read and must not get into a model. */
  private void checkLog() {
    if (log != null) {
      Path real = ModelFolder.real(log);
      boolean isData = data != null && real.equals(ModelFolder.real(data));
      Option.LOG.require(!isData, "another file than --data", log);
      for (Path folder : new Path[] {out, from}) {
        boolean inside = folder != null && real.startsWith(ModelFolder.real(folder));
        Option.LOG.require(!inside, "a file outside the model", log);
      }
    }
  }

  /** The sizes of the model for a vocabulary of this size. */
  GPTConfig modelConfig(int vocabSize) {
    return GPTConfig.microgpt(blockSize, vocabSize, nLayer, nHead, nEmbd);
  }

  /** The backend as models are made with it, which may be auto. */
  String backendName() {
    return backend == null ? AutoBackend.NAME : backend.backend();
  }

  /** The type that Python's {@code pygpt.GPT} takes by default: float64 on {@code plain} alone. */
  DType dtype() {
    return backend == Backend.PLAIN ? DType.FLOAT64 : DType.FLOAT32;
  }
}
