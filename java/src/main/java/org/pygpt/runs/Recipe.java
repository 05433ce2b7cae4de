package org.pygpt.runs;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.electronwill.nightconfig.core.Config;
import com.electronwill.nightconfig.core.UnmodifiableConfig;
import com.electronwill.nightconfig.core.io.ParsingException;
import com.electronwill.nightconfig.toml.TomlParser;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Variant;

/**
 * Immutable: where a run begins, by the name of a preset or from a TOML file with the tables {@code
 * [model]}, {@code [train]} and {@code [data]}; flags and the data's tokenizer decide the rest.
 *
 * @param name of the preset, or of the file without its ending
 * @param base the tables of the preset
 * @param given the tables of the file, which replace those
 */
public record Recipe(
    String name, Map<String, Map<String, Object>> base, Map<String, Map<String, Object>> given) {
  /** The presets, the smallest model first. */
  public static final List<String> PRESETS =
      List.of(
          "microgpt",
          "makemore",
          "shakespeare-char",
          "shakespeare-muon",
          "gpt2",
          "gpt2-medium",
          "gpt2-large",
          "gpt2-xl");

  static final String MODEL = "model";
  static final String TRAIN = "train";
  static final String DATA = "data";
  private static final List<String> TABLES = List.of(MODEL, TRAIN, DATA);
  private static final List<String> DATA_NAMES =
      List.of("source", "tokenizer", "field", "format", "encoding", "separator", "lines");
  private static final String PRESET = "preset";

  /**
   * The recipe of this name, or of this file (a file with the name of a preset is {@code ./gpt2}).
   *
   * @throws FileException if it is neither; or the file cannot be read, is no TOML, or has an
   *     unknown key
   */
  public static Recipe find(String where) {
    if (PRESETS.contains(where)) {
      return new Recipe(where, base(where), tables(Map.of()));
    }
    Path file = Path.of(where);
    if (!Files.isRegularFile(file)) {
      String found =
          Files.isDirectory(file)
              ? "got a folder; a run is gone on with by PRESET --out RUN --resume"
              : "there is none";
      throw new FileException(
          "recipe %s: expected one of %s, or a TOML file; %s"
              .formatted(where, String.join(", ", PRESETS), found));
    }
    return read(file);
  }

  private static Map<String, Map<String, Object>> base(String preset) {
    if (preset == null) {
      return tables(Map.of());
    }
    Map<String, Map<String, Object>> tables = tablesOf(preset);
    tables.get(MODEL).remove("vocab_size"); // it is the tokenizer's
    return tables;
  }

  /** The tables of a preset: what it says itself, and the rest from its own preset. */
  private static Map<String, Map<String, Object>> tablesOf(String preset) {
    try (InputStream file = Recipe.class.getResourceAsStream(preset + ".toml")) {
      Map<String, Object> values = parse(new String(file.readAllBytes(), UTF_8));
      Map<String, Map<String, Object>> all =
          values.get(PRESET) instanceof String other ? tablesOf(other) : tables(Map.of());
      tables(values).forEach((table, members) -> all.get(table).putAll(members));
      return all;
    } catch (IOException error) {
      throw new IllegalStateException("the engine's jar is damaged", error);
    }
  }

  private static Map<String, Object> parse(String toml) {
    return members(new TomlParser().parse(toml));
  }

  private static Map<String, Object> members(UnmodifiableConfig config) {
    Map<String, Object> members = new LinkedHashMap<>();
    config.entrySet().forEach(entry -> members.put(entry.getKey(), entry.getValue()));
    return members;
  }

  private static Map<String, Map<String, Object>> tables(Map<String, Object> values) {
    Map<String, Map<String, Object>> tables = new HashMap<>();
    for (String table : TABLES) {
      boolean isThere = values.get(table) instanceof UnmodifiableConfig;
      UnmodifiableConfig config =
          isThere ? (UnmodifiableConfig) values.get(table) : Config.inMemory();
      tables.put(table, members(config));
    }
    return tables;
  }

  private static Recipe read(Path path) {
    String what = "recipe " + path;
    Map<String, Object> values;
    try {
      values = parse(Documents.text(path));
    } catch (ParsingException error) {
      throw new FileException(
          what + ": expected TOML, got an error: " + error.getMessage() + advice(path));
    }
    values.forEach((key, value) -> {
      if (!key.equals(PRESET) && !TABLES.contains(key)) {
        throw new FileException(
            what
                + ": "
                + key
                + ": expected one of preset, [model], [train], [data]"
                + advice(path));
      }
      if (key.equals(PRESET) && !PRESETS.contains(value)) {
        throw new FileException(
            "%s: preset: expected one of %s, got '%s'"
                .formatted(what, String.join(", ", PRESETS), value));
      }
      if (!key.equals(PRESET) && !(value instanceof UnmodifiableConfig)) {
        throw new FileException(
            "%s: %s: expected a table, [%s], got %s".formatted(what, key, key, value));
      }
    });
    Map<String, Map<String, Object>> given = tables(values);
    check(what, MODEL, given, modelNames());
    check(what, TRAIN, given, TrainConfig.DEFAULT.all().keySet());
    check(what, DATA, given, Set.copyOf(DATA_NAMES));
    for (String name : List.of("source", "tokenizer")) {
      if (given.get(DATA).get(name) instanceof String text && !text.isEmpty()) {
        Path beside = path.resolveSibling(text);
        if (!Files.exists(Path.of(text)) && Files.exists(beside)) {
          given.get(DATA).put(name, beside.toString());
        }
      }
    }
    String name = path.getFileName().toString();
    int end = name.lastIndexOf('.');
    return new Recipe(
        end > 0 ? name.substring(0, end) : name, base((String) values.get(PRESET)), given);
  }

  private static void check(
      String what, String table, Map<String, Map<String, Object>> given, Set<String> known) {
    given.get(table).keySet().stream()
        .filter(name -> !known.contains(name))
        .findFirst()
        .ifPresent(name -> {
          throw new FileException(
              "%s: [%s] %s: expected one of %s"
                  .formatted(what, table, name, String.join(", ", known)));
        });
    given
        .get(table)
        .forEach((name, value) -> {
          try {
            if (table.equals(MODEL)) {
              config(alone(name, value));
            } else if (table.equals(TRAIN)) {
              TrainConfig.of(alone(name, value));
            }
          } catch (IllegalArgumentException error) {
            if (error.getMessage().startsWith(name + ":")) { // else others decide
              throw new FileException(what + ": [" + table + "] " + error.getMessage());
            }
          }
        });
  }

  /** A value, beside others to which every value of its kind fits. */
  private static Map<String, Object> alone(String name, Object value) {
    Map<String, Object> values = new HashMap<>();
    switch (name) {
      case "n_head" -> values.put("n_embd", value);
      case "n_embd" -> values.put("n_head", 1);
      case "n_kv_head" -> values.putAll(Map.of("n_head", value, "n_embd", value));
      case "alibi" -> values.put("positions", "alibi");
      case "min_lr" -> values.put("learning_rate", Double.MAX_VALUE);
      default -> {}
    }
    values.put(name, value);
    return values;
  }

  /** The names that a table {@code [model]} may have. */
  static Set<String> modelNames() {
    Set<String> names = new LinkedHashSet<>(defaults().keySet());
    names.addAll(Variant.names());
    return names;
  }

  /** The values of a model's configuration that nobody gives: GPT-2's. */
  public static Map<String, Object> defaults() {
    Map<String, Object> values = GPTConfig.gpt2(1024, 50257, 12, 12, 768).values();
    values.put("n_kv_head", 0); // as many as n_head
    values.put("n_inner", 0); // four times n_embd
    return values;
  }

  /** The configuration of these values, and of {@link #defaults} for others. */
  static GPTConfig config(Map<String, ?> values) {
    Map<String, Object> all = defaults();
    all.putAll(values);
    return GPTConfig.of(all);
  }

  private static String advice(Path path) {
    return path.toString().endsWith(".py")
        ? "; a configuration of nanoGPT is Python: give its names as flags, such as --batch-size"
            + " 64, or write them into the tables of a TOML file"
        : "";
  }
}
