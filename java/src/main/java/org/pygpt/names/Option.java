package org.pygpt.names;

import java.util.Locale;

/** The options of the command line, in the order of the help. */
enum Option {
  STEPS("N", "training steps, one document each", "1000"),
  SEED("N", "seed of the one random stream", "42"),
  SAMPLES("N", "names to make", "20"),
  TEMPERATURE("X", "randomness of the names: below 1 is likelier, above 1 wilder", "0.5"),
  N_LAYER("N", "transformer blocks", "1"),
  N_EMBD("N", "width of the model, a multiple of --n-head", "16"),
  N_HEAD("N", "attention heads of each block", "4"),
  BLOCK_SIZE("N", "longest context, in characters", "16"),
  LEARNING_RATE("X", "learning rate of the first step; falls linearly to 0", "0.01"),
  BACKEND(
      "cpu|nd4j|plain", "cpu is fast, nd4j is ND4J's own operations, plain the reference", "cpu"),
  DATA("FILE", "UTF-8 text, one document a line", "32,033 names"),
  LOG("FILE", "write losses and names as lines of JSON", null),
  OUT("DIR", "save the model there: model.safetensors and config.json", null),
  FROM("DIR", "make names with a saved model, do not train", null),
  QUIET("", "nothing but the names", null),
  VERSION("", "print the version and exit", null),
  HELP("", "show this help message and exit", null);

  final String metavar; // empty for a switch, which takes no value
  final String help;
  final String defaultText; // null where there is none

  Option(String metavar, String help, String defaultText) {
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
}
