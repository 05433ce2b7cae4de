package org.pygpt.names;

import java.math.BigInteger;
import java.util.Locale;
import org.pygpt.python.PythonNumber;
import org.pygpt.python.PythonText;

/** The options of the command line, in the order of the help. */
enum Option {
  STEPS(Kind.WHOLE, "N", "training steps, one document each", "1000"),
  SEED(Kind.WHOLE, "N", "seed of the one random stream", "42"),
  SAMPLES(Kind.WHOLE, "N", "names to make", "20"),
  TEMPERATURE(
      Kind.NUMBER, "X", "randomness of the names: below 1 is likelier, above 1 wilder", "0.5"),
  N_LAYER(Kind.WHOLE, "N", "transformer blocks", "1"),
  N_EMBD(Kind.WHOLE, "N", "width of the model, a multiple of --n-head", "16"),
  N_HEAD(Kind.WHOLE, "N", "attention heads of each block", "4"),
  BLOCK_SIZE(Kind.WHOLE, "N", "longest context, in characters", "16"),
  LEARNING_RATE(Kind.NUMBER, "X", "learning rate of the first step; falls linearly to 0", "0.01"),
  BACKEND(
      Kind.TEXT,
      "cpu|nd4j|plain",
      "cpu is fast, nd4j is ND4J's own operations, plain the reference",
      "cpu"),
  DATA(Kind.TEXT, "FILE", "UTF-8 text, one document a line", "32,033 names"),
  LOG(Kind.TEXT, "FILE", "write losses and names as lines of JSON", null),
  OUT(Kind.TEXT, "DIR", "save the model there: model.safetensors and config.json", null),
  FROM(Kind.TEXT, "DIR", "make names with a saved model, do not train", null),
  QUIET(Kind.SWITCH, "", "nothing but the names", null),
  VERSION(Kind.SWITCH, "", "print the version and exit", null),
  HELP(Kind.SWITCH, "", "show this help message and exit", null);

  /** What follows an option. */
  enum Kind {
    /** A whole number of any size. */
    WHOLE,
    /** A decimal number, {@code inf} or {@code nan}. */
    NUMBER,
    /** Anything. */
    TEXT,
    /** Nothing. */
    SWITCH
  }

  final Kind kind;
  final String metavar;
  final String help;
  final String defaultText; // null where there is none

  Option(Kind kind, String metavar, String help, String defaultText) {
    this.kind = kind;
    this.metavar = metavar;
    this.help = help;
    this.defaultText = defaultText;
  }

  /** How it is written, such as {@code --n-layer}. */
  String flag() {
    return "--" + name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The option that is written so, or null. */
  static Option of(String flag) {
    for (Option option : values()) {
      if (option.flag().equals(flag)) {
        return option;
      }
    }
    return flag.equals("-h") ? HELP : null;
  }

  /**
   * The value that a text stands for, by Python's rules for numbers: a {@link BigInteger}, a {@link
   * Double}, or the text.
   *
   * @throws UsageException if the text is no number where there should be one
   */
  Object parse(String text) throws UsageException {
    try {
      return switch (kind) {
        case WHOLE -> PythonNumber.parseInt(text);
        case NUMBER -> PythonNumber.parseFloat(text);
        default -> text;
      };
    } catch (NumberFormatException error) {
      String type = kind == Kind.WHOLE ? "int" : "float";
      throw new UsageException(
          String.format("argument %s: invalid %s value: %s", flag(), type, PythonText.repr(text)));
    }
  }
}
