package org.pygpt.names;

import java.util.EnumMap;
import java.util.Map;

/** Arguments as options with their texts: in any order, of equal ones the last. */
final class CommandLine {
  private CommandLine() {}

  /**
   * The options that are given, with the texts of their values; a switch has an empty one.
   *
   * @param arguments {@code --name value}, {@code --name=value}, or a switch alone
   * @throws UsageException if one is unknown, lacks its value, or has one though it is a switch
   */
  static Map<Option, String> parse(String... arguments) throws UsageException {
    Map<Option, String> given = new EnumMap<>(Option.class);
    for (int i = 0; i < arguments.length; i++) {
      String[] parts = arguments[i].split("=", 2);
      Option option = Option.of(parts[0]);
      if (option == null) {
        throw new UsageException("expected an option, got " + arguments[i] + "; try --help");
      }
      boolean isSwitch = option.metavar.isEmpty();
      if (isSwitch && parts.length == 2) {
        throw new UsageException(option.flag() + ": expected no value, got " + parts[1]);
      }
      if (isSwitch || parts.length == 2) {
        given.put(option, isSwitch ? "" : parts[1]);
      } else if (i + 1 < arguments.length && !arguments[i + 1].startsWith("--")) {
        i++;
        given.put(option, arguments[i]);
      } else {
        throw new UsageException(option.flag() + ": expected a value, got none; try --help");
      }
    }
    return given;
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
