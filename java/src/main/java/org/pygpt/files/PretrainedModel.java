package org.pygpt.files;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.Json;
import org.pygpt.text.Tokenizer;

/**
 * What a folder holds that Python's {@code pygpt.GPT.save} wrote: a model in pygpt's own form, or
 * in that of one of Hugging Face's families, with its tokenizer; also a training run's, and folders
 * of {@code transformers}, with weights of float32, float16 or bfloat16 in one file or several.
 */
public final class PretrainedModel {
  private static final String CONFIG_FILE = "config.json";
  private static final String ADAPTER_FILE = "adapter_config.json";
  private static final String WEIGHTS_FILE = "model.safetensors";
  private static final String INDEX_FILE = "model.safetensors.index.json"; // of several files
  private static final String GENERATION_FILE = "generation_config.json";
  private static final String TOKENIZER_CONFIG_FILE = "tokenizer_config.json";
  private static final String CHAT_TEMPLATE_FILE = "chat_template.jinja";

  private final GPTConfig config;
  private final Tokenizer tokenizer;
  private final SpecialIds specialIds;
  private final String chatTemplate; // null for none
  private final Map<String, SafeTensors.Array> stored;
  private final Map<String, List<WeightPart>> parts; // of the model's weights

  private PretrainedModel(
      GPTConfig config,
      Tokenizer tokenizer,
      SpecialIds specialIds,
      String chatTemplate,
      Map<String, SafeTensors.Array> stored,
      Map<String, List<WeightPart>> parts) {
    this.config = config;
    this.tokenizer = tokenizer;
    this.specialIds = specialIds;
    this.chatTemplate = chatTemplate;
    this.stored = stored;
    this.parts = parts;
  }

  /** The architecture. */
  public GPTConfig config() {
    return config;
  }

  /** The tokenizer, or null if the folder has none. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The ids that end a text: those of the model's files, and the tokenizer's. */
  public int[] ends() {
    IntStream own = tokenizer == null ? IntStream.empty() : tokenizer.end().stream();
    return IntStream.concat(specialIds.eos().stream().mapToInt(id -> id), own)
        .filter(id -> id < config.vocabSize())
        .distinct()
        .toArray();
  }

  /** The ids with a meaning that the model's files name. */
  public SpecialIds specialIds() {
    return specialIds;
  }

  /** The template of its conversations, if it has one. */
  public Optional<String> chatTemplate() {
    return Optional.ofNullable(chatTemplate);
  }

  /**
   * Opens a folder.
   *
   * @param source a model's folder, or a run's: then its best checkpoint, or else its last
   * @param arena how long the file's weights stay in memory
   * @throws FileException if it is missing, damaged, or needs what Java does not read
   */
  public static PretrainedModel open(Path source, Arena arena) throws FileException {
    Path folder =
        Stream.of(source, source.resolve("best"), source.resolve("last"))
            .filter(place -> Files.isRegularFile(place.resolve(CONFIG_FILE)))
            .findFirst()
            .orElse(source);
    String place = "model folder " + folder;
    try {
      if (!Files.isDirectory(folder)) {
        String state = Files.exists(folder) ? "is no folder" : "does not exist";
        throw new FileException(place + ": " + state);
      }
      Map<String, Object> values = JsonFiles.read(folder.resolve(CONFIG_FILE));
      return "pygpt".equals(values.get("model_type"))
          ? own(folder, values, arena)
          : huggingFaces(folder, values, arena);
    } catch (NoSuchFileException error) {
      String name = Path.of(error.getFile()).getFileName().toString();
      if (Files.isRegularFile(folder.resolve(ADAPTER_FILE))) {
        throw new FileException(
            place + ": is an adapter: load it in Python, merge_and_unload() and save_pretrained()");
      }
      throw new FileException(place + ": " + name + " is missing; was it made by pygpt?");
    } catch (IOException error) {
      throw new FileException(place + ": cannot be read", error);
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new FileException(place + ": " + error.getMessage());
    }
  }

  private static PretrainedModel own(Path folder, Map<String, Object> values, Arena arena)
      throws IOException, FileException {
    ModelFolder.Saved saved = ModelFolder.load(folder, arena);
    Map<?, ?> ids = values.get("special_ids") instanceof Map<?, ?> is ? is : Map.of();
    Map<String, List<WeightPart>> parts = new HashMap<>();
    saved.weights().keySet().forEach(name -> parts.put(name, List.of(WeightPart.whole(name))));
    Tokenizer characters = saved.tokenizer();
    Tokenizer tokenizer = characters == null ? beside(folder, saved.config()) : characters;
    return new PretrainedModel(
        saved.config(),
        tokenizer,
        SpecialIds.of(ids, ""),
        chatTemplate(folder),
        saved.weights(),
        parts);
  }

  private static PretrainedModel huggingFaces(Path folder, Map<String, Object> values, Arena arena)
      throws IOException, FileException {
    Object type = values.get("model_type");
    if (!Family.NAMES.contains(type)) {
      throw new IllegalArgumentException(
          "config.json: expected \"model_type\": \"pygpt\", or one of "
              + String.join(", ", Family.NAMES)
              + ", got "
              + Json.write(type));
    }
    Family family = new Family((String) type);
    GPTConfig config = config(family, values);
    FamilyLayout layout = new FamilyLayout(family, config);
    var stored = layout.weights(tensors(folder, arena));
    if (stored.size() < config.nLayer()) { // before a list that nLayer makes endless
      throw new IllegalArgumentException(
          WEIGHTS_FILE + ": expected a tensor a layer at least, got " + stored.size());
    }
    Map<String, List<WeightPart>> parts = new HashMap<>();
    Set<String> others = new TreeSet<>(stored.keySet());
    Layout.of(config)
        .shapes()
        .forEach((name, shape) -> {
          parts.put(name, layout.parts(name));
          parts
              .get(name)
              .forEach(part -> {
                check(part, shape, stored);
                others.remove(part.name());
              });
        });
    if (!others.isEmpty()) {
      String other = others.iterator().next();
      throw new IllegalArgumentException(
          WEIGHTS_FILE + ": tensor " + other + " is not of this model");
    }
    Path generation = folder.resolve(GENERATION_FILE); // then it alone counts
    var named = Files.isRegularFile(generation) ? JsonFiles.read(generation) : values;
    return new PretrainedModel(
        config,
        beside(folder, config),
        SpecialIds.of(named, "_token_id"),
        chatTemplate(folder),
        stored,
        parts);
  }

  private static GPTConfig config(Family family, Map<String, Object> values) {
    try {
      return FamilyReader.read(family, values);
    } catch (IllegalArgumentException error) {
      throw new IllegalArgumentException(CONFIG_FILE + ": " + error.getMessage());
    }
  }

  /** From its file or tokenizer_config.json, where several may have names; null for none. */
  private static String chatTemplate(Path folder) throws IOException {
    Path file = folder.resolve(CHAT_TEMPLATE_FILE);
    if (Files.isRegularFile(file)) {
      return Files.readString(file);
    }
    Object found = null;
    try {
      found = JsonFiles.read(folder.resolve(TOKENIZER_CONFIG_FILE)).get("chat_template");
    } catch (NoSuchFileException | IllegalArgumentException none) {
      return null;
    }
    if (found instanceof List<?> several) {
      found =
          several.stream()
              .filter(one -> one instanceof Map<?, ?> is && "default".equals(is.get("name")))
              .map(one -> (Object) ((Map<?, ?>) one).get("template"))
              .findFirst()
              .orElse(null);
    }
    return found instanceof String text ? text : null;
  }

  /** The tensors of a folder, whose weights may lie in several files. */
  private static Map<String, SafeTensors.Array> tensors(Path folder, Arena arena)
      throws IOException {
    Path index = folder.resolve(INDEX_FILE);
    if (Files.isRegularFile(folder.resolve(WEIGHTS_FILE)) || !Files.isRegularFile(index)) {
      return SafeTensors.readAny(folder.resolve(WEIGHTS_FILE), arena);
    }
    if (!(JsonFiles.read(index).get("weight_map") instanceof Map<?, ?> places)) {
      throw new IllegalArgumentException(INDEX_FILE + ": weight_map: expected an object");
    }
    Map<String, SafeTensors.Array> all = new HashMap<>();
    for (Object file : Set.copyOf(places.values())) {
      boolean isName = file instanceof String name && Path.of(name).getNameCount() == 1;
      if (!isName) {
        throw new IllegalArgumentException(INDEX_FILE + ": expected names of files, got " + file);
      }
      SafeTensors.readAny(folder.resolve((String) file), arena)
          .forEach((name, array) -> {
            if (file.equals(places.get(name))) {
              all.put(name, array);
            }
          });
    }
    for (Object name : places.keySet()) {
      if (!all.containsKey(name)) {
        throw new IllegalArgumentException(
            INDEX_FILE + ": " + name + ": expected in " + places.get(name) + ", which lacks it");
      }
    }
    return all;
  }

  private static void check(
      WeightPart part, List<Long> shape, Map<String, SafeTensors.Array> stored) {
    SafeTensors.Array array = stored.get(part.name());
    if (array == null) {
      throw new IllegalArgumentException(WEIGHTS_FILE + ": tensor " + part.name() + " is missing");
    }
    List<Long> expected = part.shapeOf(shape);
    if (!array.shape().equals(expected)) {
      throw new IllegalArgumentException(
          part.name() + ": expected shape " + expected + ", got " + array.shape());
    }
  }

  private static Tokenizer beside(Path folder, GPTConfig config) throws FileException {
    if (!TokenizerFiles.isIn(folder)) {
      return null;
    }
    Tokenizer tokenizer = TokenizerFiles.load(folder);
    if (tokenizer.vocabSize() > config.vocabSize()) {
      throw new FileException(
          "tokenizer %s: has %d ids, more than the model's %d"
              .formatted(folder, tokenizer.vocabSize(), config.vocabSize()));
    }
    return tokenizer;
  }

  /** Sets every weight of a model of this configuration; not-a-number is let through. */
  public void copyTo(Parameters weights) {
    for (String name : weights.names()) {
      Tensor weight = weights.get(name);
      double[] values = new double[weight.columns()];
      for (int row = 0; row < weight.rows(); row++) {
        for (WeightPart part : parts.get(name)) {
          part.copy(stored.get(part.name()), weight, row, values);
        }
        weight.writeRow(row, values);
      }
    }
  }
}
