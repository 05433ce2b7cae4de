package org.pygpt.names;

import java.math.BigInteger;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** The options of the command line, in the order of the help. */
enum Option {
  STEPS(Kind.SIZE, "1000", "training steps, one document each"),
  SEED(Kind.SEED, "42", "seed of the one random stream"),
  SAMPLES(Kind.COUNT, "20", "names to make"),
  TEMPERATURE(Kind.POSITIVE, "0.5", "randomness of the names: below 1 is likelier, above 1 wilder"),
  N_LAYER(Kind.SIZE, "1", "transformer blocks"),
  N_EMBD(Kind.SIZE, "16", "width of the model, a multiple of --n-head"),
  N_HEAD(Kind.SIZE, "4", "attention heads of each block"),
  BLOCK_SIZE(Kind.SIZE, "16", "longest context, in characters"),
  LEARNING_RATE(Kind.POSITIVE, "0.01", "learning rate of the first step; falls linearly to 0"),
  BACKEND(
      Kind.BACKEND,
      "cpu",
      "cpu is fast, cuda runs on an NVIDIA card, nd4j is ND4J's own operations, plain the"
          + " reference"),
  DATA(Kind.FILE, null, "UTF-8 text, one document a line (default: 32,033 names)"),
  LOG(Kind.FILE, null, "write losses and names as lines of JSON"),
  OUT(Kind.FOLDER, null, "save the model there: model.safetensors and config.json"),
  FROM(Kind.FOLDER, null, "make names with a saved model, do not train"),
  QUIET(Kind.SWITCH, null, "nothing but the names"),
  VERSION(Kind.SWITCH, null, "print the version and exit"),
  HELP(Kind.SWITCH, null, "show this help message and exit");

  /** Those that do not go with {@code --from}, which does not train. */
  static final Set<Option> OF_TRAINING =
      EnumSet.of(STEPS, N_LAYER, N_EMBD, N_HEAD, BLOCK_SIZE, LEARNING_RATE, DATA, OUT);

  /** What an option takes; its reader gives null, or throws, at any other text. */
  private enum Kind {
    SIZE("N", "a whole number from 1 to 2147483647", text -> whole(text, 1)),
    COUNT("N", "a whole number from 0 to 2147483647", text -> whole(text, 0)),
    SEED("N", "a whole number", BigInteger::new),
    POSITIVE("X", "a finite number above 0", Kind::positive),
    BACKEND("cpu|nd4j|plain|cuda|auto", "a name", text -> text),
    FILE("FILE", "a path", Path::of),
    FOLDER("DIR", "a path", Path::of),
    SWITCH("", null, null);

    final String metavar;
    final String expected;
    final Function<String, Object> reader;

    Kind(String metavar, String expected, Function<String, Object> reader) {
      this.metavar = metavar;
      this.expected = expected;
      this.reader = reader;
    }

    private static Object whole(String text, int least) {
      int value = Integer.parseInt(text);
      return value >= least ? value : null;
    }

    private static Object positive(String text) {
      double value = Double.parseDouble(text);
      return value > 0 && value < Double.POSITIVE_INFINITY ? value : null;
    }
  }

  private final Kind kind;
  private final String defaultText; // null where there is none
  private final String help;

  Option(Kind kind, String defaultText, String help) {
    this.kind = kind;
    this.defaultText = defaultText;
    this.help = help;
  }

  /** How it is written, such as {@code --n-layer}. */
  String flag() {
    return "--" + name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Option of(String argument, String flag) {
    for (Option option : values()) {
      if (option.flag().equals(flag) || option == HELP && flag.equals("-h")) {
        return option;
      }
    }
    throw new IllegalArgumentException("expected an option, got " + argument + "; try --help");
  }

  /** The options that are given, with the texts of their values; of equal ones the last counts. */
  static Map<Option, String> parse(String... arguments) {
    Map<Option, String> given = new EnumMap<>(Option.class);
    for (int i = 0; i < arguments.length; i++) {
      String[] parts = arguments[i].split("=", 2);
      Option option = of(arguments[i], parts[0]);
      if (option.kind == Kind.SWITCH) {
        option.require(parts.length == 1, "no value", parts[parts.length - 1]);
        given.put(option, "");
      } else if (parts.length == 2) {
        given.put(option, parts[1]);
      } else {
        i++;
        boolean there = i < arguments.length && !arguments[i].startsWith("--");
        option.require(there, "a value", "none; try --help");
        given.put(option, arguments[i]);
      }
    }
    return given;
  }

  /** The value that is given, or the default, or null where there is neither. */
  @SuppressWarnings("unchecked") // each caller knows the type that the option's kind reads
  <T> T value(Map<Option, String> given) {
    String text = given.getOrDefault(this, defaultText);
    if (text == null) {
      return null;
    }
    String got = text.isEmpty() ? "an empty text" : text;
    try {
      Object value = text.isEmpty() ? null : kind.reader.apply(text);
      require(value != null, kind.expected, got);
      return (T) value;
    } catch (InvalidPathException error) { // Java writes paths in the locale's encoding
      throw problem(kind.expected, got + "; try LC_ALL=C.UTF-8");
    } catch (NumberFormatException error) {
      throw problem(kind.expected, got);
    }
  }

  /** Passes if something holds that is expected of this option. */
  void require(boolean holds, String expected, Object got) {
    if (!holds) {
      throw problem(expected, got);
    }
  }

  private IllegalArgumentException problem(String expected, Object got) {
    return new IllegalArgumentException(flag() + ": expected " + expected + ", got " + got);
  }

  /** The help: what the program is, and a line for each option. */
  static String help() {
    StringBuilder text = new StringBuilder("usage: java ... org.pygpt.Names [OPTION ...]\n\n");
    text.append("Train Karpathy's microgpt on one document a step, then make new ones.\n\n");
    text.append("options:\n");
    for (Option option : values()) {
      String left = (option.flag() + " " + option.kind.metavar).strip();
      String addition = option.defaultText == null ? "" : " (default: " + option.defaultText + ")";
      text.append(String.format("  %-26s %s%s\n", left, option.help, addition));
    }
    return text.toString();
  }
}
