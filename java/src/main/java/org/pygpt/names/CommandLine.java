package org.pygpt.names;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.pygpt.python.PythonText;

/** Arguments as Python's argparse reads them: options in any order, of equal ones the last. */
final class CommandLine {
  private static final Pattern NEGATIVE_NUMBER = Pattern.compile("-\\d+|-\\d*\\.\\d+");

  private CommandLine() {}

  /**
   * The options that are given, with their values; a switch has the value true. {@code --help} and
   * {@code --version} end the reading, whatever follows.
   *
   * @throws UsageException if one is unknown, or lacks its value, or has one that cannot be
   */
  static Map<Option, Object> parse(String... arguments) throws UsageException {
    Map<Option, Object> given = new EnumMap<>(Option.class);
    List<String> unknown = new ArrayList<>();
    for (int i = 0; i < arguments.length; i++) {
      int equals = arguments[i].indexOf('=');
      Option option = Option.of(arguments[i]);
      String value = null;
      if (option == null && equals >= 0) {
        option = Option.of(arguments[i].substring(0, equals));
        value = arguments[i].substring(equals + 1);
      }
      if (option == null) {
        unknown.add(arguments[i]);
      } else if (option.kind == Option.Kind.SWITCH) {
        readSwitch(option, value, given);
        if (option == Option.HELP || option == Option.VERSION) {
          return given;
        }
      } else {
        if (value == null) {
          i++;
          if (i == arguments.length || !isValue(arguments[i])) {
            throw new UsageException("argument " + option.flag() + ": expected one argument");
          }
          value = arguments[i];
        }
        given.put(option, option.parse(value));
      }
    }
    if (!unknown.isEmpty()) {
      throw new UsageException("unrecognized arguments: " + String.join(" ", unknown));
    }
    return given;
  }

  private static void readSwitch(Option option, String value, Map<Option, Object> given)
      throws UsageException {
    if (value != null) {
      String name = option == Option.HELP ? "-h/--help" : option.flag();
      throw new UsageException(
          "argument " + name + ": ignored explicit argument " + PythonText.repr(value));
    }
    given.put(option, true);
  }

  /** Whether an argument can be a value; what begins with a dash is an option, as a rule. */
  private static boolean isValue(String argument) {
    return !argument.startsWith("-")
        || argument.equals("-")
        || NEGATIVE_NUMBER.matcher(argument).matches()
        || argument.contains(" ") && Option.of(argument.split("=", 2)[0]) == null;
  }

  /** The help: what the program is, and a line for each option. */
  static String help() {
    StringBuilder text = new StringBuilder();
    text.append("usage: java ... org.pygpt.Names [OPTION ...]\n\n");
    text.append("Train Karpathy's microgpt on one document a step, then make new ones.\n\n");
    text.append("options:\n");
    for (Option option : Option.values()) {
      String left = (option.flag() + " " + option.metavar).strip();
      String addition = option.defaultText == null ? "" : " (default: " + option.defaultText + ")";
      text.append(String.format("  %-26s %s%s\n", left, option.help, addition));
    }
    return text.toString();
  }
}
