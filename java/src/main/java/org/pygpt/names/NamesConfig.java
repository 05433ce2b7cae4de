package org.pygpt.names;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Map;
import org.pygpt.backends.Backend;
import org.pygpt.model.GPTConfig;
import org.pygpt.python.PythonNumber;
import org.pygpt.python.PythonText;
import org.pygpt.tensor.DType;

/** Immutable: the options of a run, with the field names of Python's {@code NamesConfig}. */
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
    String backend) {
  private static final BigInteger INT_MAX = BigInteger.valueOf(Integer.MAX_VALUE);

  /**
   * The configuration of these options, with defaults for those that are not given.
   *
   * @throws UsageException if a value cannot be
   */
  static NamesConfig of(Map<Option, Object> given) throws UsageException {
    NamesConfig config =
        new NamesConfig(
            size(given, Option.STEPS, 1),
            (BigInteger) value(given, Option.SEED),
            size(given, Option.SAMPLES, 0),
            positive(given, Option.TEMPERATURE),
            size(given, Option.N_LAYER, 1),
            size(given, Option.N_EMBD, 1),
            size(given, Option.N_HEAD, 1),
            size(given, Option.BLOCK_SIZE, 1),
            positive(given, Option.LEARNING_RATE),
            backend(given));
    if (config.nEmbd % config.nHead != 0) {
      String multiple = "a multiple of n_head = " + config.nHead;
      throw problem(Option.N_EMBD, multiple, Integer.toString(config.nEmbd));
    }
    return config;
  }

  private static Object value(Map<Option, Object> given, Option option) throws UsageException {
    Object value = given.get(option);
    return value == null ? option.parse(option.defaultText) : value;
  }

  private static int size(Map<Option, Object> given, Option option, int least)
      throws UsageException {
    BigInteger value = (BigInteger) value(given, option);
    if (value.compareTo(BigInteger.valueOf(least)) < 0) {
      throw problem(option, "at least " + least, value.toString());
    }
    if (value.compareTo(INT_MAX) > 0) {
      throw problem(option, "at most " + INT_MAX, value.toString());
    }
    return value.intValue();
  }

  private static double positive(Map<Option, Object> given, Option option) throws UsageException {
    double value = (Double) value(given, option);
    if (!Double.isFinite(value) || value <= 0) {
      String expected = Double.isFinite(value) ? "more than 0" : "a finite number";
      throw problem(option, expected, PythonNumber.repr(value));
    }
    return value;
  }

  private static String backend(Map<Option, Object> given) throws UsageException {
    String value = (String) value(given, Option.BACKEND);
    String[] names = Arrays.stream(Backend.values()).map(Backend::toString).toArray(String[]::new);
    if (!Arrays.asList(names).contains(value)) {
      throw problem(Option.BACKEND, "one of " + String.join(", ", names), PythonText.repr(value));
    }
    return value;
  }

  private static UsageException problem(Option option, String expected, String got) {
    return new UsageException(option.flag() + ": expected " + expected + ", got " + got);
  }

  /**
   * Size of weights, gradients and Adam's two moments for a vocabulary of this size: known also
   * where {@link #modelConfig} has no ints for it.
   */
  BigInteger trainingBytes(int vocabSize) {
    BigInteger C = BigInteger.valueOf(nEmbd);
    BigInteger outer = C.multiply(BigInteger.valueOf(2L * vocabSize + blockSize));
    BigInteger block = C.multiply(C).multiply(BigInteger.valueOf(12)); // 3 + 1 + 4 + 4 of (C, C)
    BigInteger count = outer.add(block.multiply(BigInteger.valueOf(nLayer)));
    return count.multiply(BigInteger.valueOf(4L * dtype().bytes()));
  }

  /** The sizes of the model for a vocabulary of this size. */
  GPTConfig modelConfig(int vocabSize) {
    return GPTConfig.microgpt(blockSize, vocabSize, nLayer, nHead, nEmbd);
  }

  /** The type that Python's {@code pygpt.GPT} takes by default: float64 on {@code plain} alone. */
  DType dtype() {
    return backend.equals("plain") ? DType.FLOAT64 : DType.FLOAT32;
  }
}
