package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
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
  private static final String CONFIG_FILE = "config.json";
  private static final String WEIGHTS_FILE = "model.safetensors";

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
    Path target = target(folder);
    try (StagedFolder _ = new StagedFolder(target)) {
      // That there can be one is all that was to be known.
    } catch (IOException error) {
      throw cannotWrite(target, error);
    }
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
    Path target = target(folder);
    byte[] text = new ConfigJson(config, tokenizer).write().getBytes(UTF_8);
    try (StagedFolder staged = new StagedFolder(target)) {
      staged.write(WEIGHTS_FILE, channel -> SafeTensors.write(channel, weights));
      staged.write(CONFIG_FILE, channel -> channel.write(ByteBuffer.wrap(text)));
      staged.moveIntoPlace();
    } catch (IOException error) {
      throw cannotWrite(target, error);
    }
  }

  private static FileException cannotWrite(Path target, IOException error) {
    return new FileException("output folder " + target + ": cannot be written", error);
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
          && ConfigJson.isOurs(readJson(files.getFirst()));
    } catch (IOException | UncheckedIOException | DamageException error) {
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
    try {
      ConfigJson config = readConfig(folder.resolve(CONFIG_FILE), where + ": " + CONFIG_FILE);
      var weights =
          readWeights(
              folder.resolve(WEIGHTS_FILE), where + ": " + WEIGHTS_FILE, config.config(), arena);
      return new Saved(config.config(), config.tokenizer(), weights);
    } catch (IOException error) {
      throw new FileException(where + ": cannot be read", error);
    }
  }

  private static ConfigJson readConfig(Path file, String where) throws IOException, FileException {
    Object values;
    try {
      values = readJson(file);
    } catch (NoSuchFileException error) {
      throw new FileException(where + " is missing; was it made by pygpt?");
    } catch (DamageException error) {
      throw new FileException(where + " is damaged: " + error.getMessage());
    }
    try {
      return ConfigJson.read(values);
    } catch (DamageException error) {
      throw new FileException(where + ": " + error.getMessage());
    }
  }

  private static Object readJson(Path file) throws IOException, DamageException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    try {
      return Json.parse(UTF_8.newDecoder().decode(bytes).toString());
    } catch (CharacterCodingException error) {
      throw new DamageException("expected UTF-8, got another byte at offset " + bytes.position());
    } catch (IllegalArgumentException error) {
      throw new DamageException(error.getMessage());
    }
  }

  private static Map<String, SafeTensors.Array> readWeights(
      Path file, String where, GPTConfig config, Arena arena) throws IOException, FileException {
    if (!Files.isRegularFile(file)) {
      throw new FileException(where + " is missing");
    }
    Map<String, SafeTensors.Array> arrays;
    try {
      arrays = SafeTensors.read(file, arena);
    } catch (DamageException error) {
      throw new FileException(where + " is damaged: " + error.getMessage());
    }
    long count = LayoutTable.of(config).tensorCount(); // before a list that nLayer makes endless
    if (arrays.size() < count) {
      throw new FileException(where + ": expected " + count + " tensors, got " + arrays.size());
    }
    Map<String, List<Long>> shapes = Layout.of(config).shapes();
    SortedSet<String> names = new TreeSet<>(arrays.keySet());
    names.addAll(shapes.keySet());
    for (String name : names) {
      if (!arrays.containsKey(name) || !shapes.containsKey(name)) {
        String state = shapes.containsKey(name) ? "is missing" : "is not of this model";
        throw new FileException(where + ": tensor " + name + " " + state);
      }
    }
    for (var entry : shapes.entrySet()) {
      SafeTensors.Array array = arrays.get(entry.getKey());
      String tensor = where + ": " + entry.getKey();
      if (!array.shape().equals(entry.getValue())) {
        throw new FileException(
            tensor + ": expected shape " + entry.getValue() + ", got " + array.shape());
      }
      if (!array.dtype().equals("F32")) {
        throw new FileException(tensor + ": expected F32, got " + array.dtype());
      }
    }
    return arrays;
  }
}
