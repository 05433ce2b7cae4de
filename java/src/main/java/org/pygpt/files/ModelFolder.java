package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.model.LayoutTable;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Json;

/**
 * Models as folders of two files, model.safetensors and config.json, which Python's {@code
 * pygpt.checkpoints} writes and reads too.
 *
 * <p>config.json has {@code "model_type": "pygpt"}, the fields of {@link GPTConfig}, and {@code
 * "characters"}, the tokenizer's, where the model has one; if the vocabulary is one larger than
 * they are, it has BOS. The weights are float32, as {@link Layout} has them. A folder is written
 * beside its place and then renamed.
 */
public final class ModelFolder {
  /** The file of the configuration. */
  public static final String CONFIG_FILE = "config.json";

  /** The file of the weights. */
  public static final String WEIGHTS_FILE = "model.safetensors";

  private static final String MODEL_TYPE = "model_type";
  private static final String OURS = "pygpt";
  private static final String CHARACTERS = "characters";
  private static final String SPECIAL_IDS = "special_ids";

  private ModelFolder() {}

  /**
   * What a folder holds.
   *
   * @param tokenizer null where the model has none
   * @param weights name -> float32 array, mapped from the file: it must not change meanwhile
   */
  public record Saved(
      GPTConfig config, CharTokenizer tokenizer, Map<String, SafeTensors.Array> weights) {}

  // ---- writing ---------------------------------------------------------------------------------

  /**
   * Checks that {@link #save} can write this folder; nothing is left behind.
   *
   * @throws FileException if it exists and pygpt did not write it, or its parent takes no folder
   */
  public static void checkWritable(Path folder) throws FileException {
    write(folder, Map.of());
  }

  /**
   * Writes a model folder; one that pygpt wrote before is replaced.
   *
   * @param tokenizer or null
   * @param weights name -> float32 array
   * @throws FileException if it exists and pygpt did not write it, or it cannot be written
   */
  public static void save(
      Path folder,
      GPTConfig config,
      CharTokenizer tokenizer,
      SortedMap<String, SafeTensors.Array> weights)
      throws FileException {
    byte[] text = configText(config, tokenizer).getBytes(UTF_8);
    Map<String, StagedFolder.Content> files = new LinkedHashMap<>();
    files.put(WEIGHTS_FILE, channel -> SafeTensors.write(channel, weights));
    files.put(CONFIG_FILE, channel -> channel.write(ByteBuffer.wrap(text)));
    write(folder, files);
  }

  /** Writes a model's two files into a folder, and waits until the disk has them. */
  public static void writeFiles(
      Path folder,
      GPTConfig config,
      CharTokenizer tokenizer,
      SortedMap<String, SafeTensors.Array> weights)
      throws IOException {
    SafeTensors.write(folder.resolve(WEIGHTS_FILE), weights, Map.of("format", "np"));
    Files.writeString(folder.resolve(CONFIG_FILE), configText(config, tokenizer));
  }

  private static void write(Path folder, Map<String, StagedFolder.Content> files)
      throws FileException {
    Path target = target(folder);
    try {
      StagedFolder.write(target, files);
    } catch (IOException error) {
      throw new FileException("output folder " + target + ": cannot be written", error);
    }
  }

  private static String configText(GPTConfig config, CharTokenizer tokenizer) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put(MODEL_TYPE, OURS);
    values.putAll(config.values());
    if (tokenizer != null) {
      values.put(CHARACTERS, tokenizer.characters());
    }
    return values.entrySet().stream()
        .map(field -> "  \"" + field.getKey() + "\": " + Json.write(field.getValue()))
        .collect(Collectors.joining(",\n", "{\n", "\n}\n"));
  }

  /** The real path to write, once it is known to be free or ours. */
  private static Path target(Path folder) throws FileException {
    Path target = real(folder);
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS) && !isOurs(target)) {
      throw new FileException(
          "output folder "
              + folder
              + ": exists and is no model that pygpt wrote; choose another name, or remove it");
    }
    return target;
  }

  /** The absolute path without symbolic links, as far as there is something. */
  public static Path real(Path path) {
    Path absolute = path.toAbsolutePath();
    try {
      return absolute.toRealPath();
    } catch (IOException error) { // not there, or not allowed, or a loop of links
      Path parent = absolute.getParent();
      return parent == null ? absolute : real(parent).resolve(absolute.getFileName()).normalize();
    }
  }

  private static boolean isOurs(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      List<Path> files = entries.sorted().toList();
      return files.equals(List.of(folder.resolve(CONFIG_FILE), folder.resolve(WEIGHTS_FILE)))
          && files.stream().allMatch(Files::isRegularFile)
          && OURS.equals(JsonFiles.read(files.getFirst()).get(MODEL_TYPE));
    } catch (IOException | UncheckedIOException | IllegalArgumentException error) {
      return false;
    }
  }

  // ---- reading ---------------------------------------------------------------------------------

  /**
   * Reads a model folder; not-a-number weights are let through.
   *
   * @param arena how long the weights stay in memory
   * @throws FileException if it is missing, damaged or not pygpt's
   */
  public static Saved load(Path folder, Arena arena) throws FileException {
    String where = "model folder " + folder;
    if (!Files.isDirectory(folder)) {
      String state = Files.exists(folder) ? "is no folder" : "does not exist";
      throw new FileException(where + ": " + state);
    }
    String place = where + ": " + CONFIG_FILE; // the file that is read, for messages
    try {
      Path file = folder.resolve(CONFIG_FILE);
      var fields = read(place, file, "; was it made by pygpt?", JsonFiles::read);
      Object type = fields.remove(MODEL_TYPE);
      String expected = "expected \"model_type\": \"" + OURS + "\"";
      require(OURS.equals(type), expected + ", got " + Json.write(type));
      Object characters = fields.remove(CHARACTERS);
      fields.remove(SPECIAL_IDS); // what ends a text without characters
      GPTConfig config = GPTConfig.of(fields);
      CharTokenizer tokenizer = tokenizer(characters, config);
      place = where + ": " + WEIGHTS_FILE;
      var weights =
          read(place, folder.resolve(WEIGHTS_FILE), "", path -> SafeTensors.read(path, arena));
      checkWeights(weights, config);
      return new Saved(config, tokenizer, weights);
    } catch (IOException error) {
      throw new FileException(where + ": cannot be read", error);
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new FileException(place + ": " + error.getMessage());
    }
  }

  /** Reads one file; IllegalArgumentException says what is damaged in it. */
  private interface Reader<T> {
    T read(Path file) throws IOException;
  }

  private static <T> T read(String where, Path file, String hint, Reader<T> reader)
      throws IOException, FileException {
    try {
      return reader.read(file);
    } catch (NoSuchFileException error) {
      throw new FileException(where + " is missing" + hint);
    } catch (IllegalArgumentException error) {
      throw new FileException(where + " is damaged: " + error.getMessage());
    }
  }

  /** The tokenizer of these characters, with BOS if the vocabulary is one larger than they are. */
  private static CharTokenizer tokenizer(Object characters, GPTConfig config) {
    if (characters == null) {
      return null;
    }
    if (!(characters instanceof String text)) {
      throw new IllegalArgumentException(
          "characters: expected text, got " + Json.write(characters));
    }
    int got = config.vocabSize();
    int most = text.codePointCount(0, text.length()) + 1;
    CharTokenizer tokenizer = new CharTokenizer(text, got == most);
    String problem = "vocab_size: expected " + most + ", for its characters, got " + got;
    require(got == tokenizer.vocabSize(), problem);
    return tokenizer;
  }

  private static void checkWeights(Map<String, SafeTensors.Array> weights, GPTConfig config) {
    long count = LayoutTable.of(config).tensorCount(); // before a list that nLayer makes endless
    require(weights.size() >= count, "expected " + count + " tensors, got " + weights.size());
    Map<String, List<Long>> shapes = Layout.of(config).shapes();
    Set<String> names = new TreeSet<>(weights.keySet());
    names.addAll(shapes.keySet());
    for (String name : names) {
      require(weights.containsKey(name), "tensor " + name + " is missing");
      require(shapes.containsKey(name), "tensor " + name + " is not of this model");
    }
    shapes.forEach((name, shape) -> {
      List<Long> got = weights.get(name).shape();
      require(got.equals(shape), name + ": expected shape " + shape + ", got " + got);
    });
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }
}
