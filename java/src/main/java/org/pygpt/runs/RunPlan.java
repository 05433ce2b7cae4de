package org.pygpt.runs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.commons.io.FileUtils;
import org.pygpt.datasets.Dataset;
import org.pygpt.datasets.Dataset.Batches;
import org.pygpt.datasets.Preparation;
import org.pygpt.datasets.Source;
import org.pygpt.files.FileException;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;

/**
 * Immutable: what a run trains, on which data, in which folder; as Python's {@code pygpt.train}.
 *
 * @param recipe the name of a preset, or a TOML file
 * @param options fields of {@link GPTConfig} and {@link TrainConfig}, by their names in Python,
 *     that differ from the recipe's
 * @param out the run's folder; null for one in {@code runs}, by the name of the preset or file
 * @param data fields of the table {@code [data]} that differ from the recipe's: source, tokenizer,
 *     field, format, encoding, separator, lines
 * @param resume whether to go on from the folder's last checkpoint, if it has one
 * @param backend of the model
 * @param threads of backend cpu; 0 for one a processor
 */
public record RunPlan(
    String recipe,
    Map<String, Object> options,
    Path out,
    Map<String, Object> data,
    boolean resume,
    String backend,
    int threads) {
  /**
   * All that a run consists of.
   *
   * @param folder the run's, as the caller names it
   * @param data the tokens to learn from
   * @param model with its first weights, or those of the last checkpoint
   * @param run ready for its next step; null in a dry run
   */
  public record Opened(Path folder, Dataset data, GPT model, TrainConfig config, TrainingRun run)
      implements AutoCloseable {
    @Override
    public void close() {
      if (run != null) {
        run.close();
      }
      model.close();
    }
  }

  /**
   * Opens the run; where it cannot begin, a folder that was not there before is removed again.
   *
   * @param isDry whether nothing is written that stays; then there is a model and no run
   * @throws IllegalArgumentException if an option is not allowed, or does not fit the data or the
   *     run that is to go on
   * @throws FileException if there is no such recipe or data, or a file cannot be read or written
   * @throws org.pygpt.tensor.TooLargeError if it does not fit into memory
   */
  public Opened open(boolean isDry) {
    Recipe found = Recipe.find(recipe);
    Path folder = out == null ? Path.of("runs", found.name()) : out;
    Origins.Begun begun = resume ? Origins.of(folder) : null;
    Map<String, Object> sizes = sizes(found, begun);
    TrainConfig config = config(found, begun);
    RunFolder.check(folder);
    if (!resume) {
      RunFolder.checkUnused(folder);
    }
    return isDry
        ? dry(found, folder, begun, sizes, config)
        : held(found, folder, begun, sizes, config);
  }

  private Opened dry(
      Recipe found,
      Path folder,
      Origins.Begun begun,
      Map<String, Object> sizes,
      TrainConfig config) {
    Path made = folder.resolve(RunFolder.DATA);
    Path place = null;
    try {
      place = Files.createTempDirectory("pygpt.");
      boolean isMade = resume && Files.isDirectory(made);
      Dataset dataset = dataset(found, isMade ? made : place.resolve("data"), config, begun);
      GPTConfig architecture = architecture(sizes, dataset);
      int T = architecture.blockSize();
      dataset.sampler(dataset.train(), config.batches(), T, config.batchSize(), config.seed());
      dataset.sampler(dataset.val(), config.batches(), T, config.batchSize(), config.seed());
      return new Opened(folder, dataset, model(architecture, config), config, null);
    } catch (IOException error) {
      throw new FileException("temporary folder: cannot be written", error);
    } finally {
      FileUtils.deleteQuietly(place == null ? null : place.toFile());
    }
  }

  private Opened held(
      Recipe found,
      Path folder,
      Origins.Begun begun,
      Map<String, Object> sizes,
      TrainConfig config) {
    RunFolder run = new RunFolder(folder);
    GPT model = null;
    try {
      Dataset dataset = dataset(found, run.path().resolve(RunFolder.DATA), config, begun);
      model = model(architecture(sizes, dataset), config);
      TrainingRun training = new TrainingRun(model, dataset, config, run, resume);
      if (training.step() == 0 && !training.isSaved()) {
        training.writeBegun();
      }
      return new Opened(folder, dataset, model, config, training);
    } catch (RuntimeException | Error error) {
      run.undo();
      if (model != null) {
        model.close();
      }
      throw error;
    }
  }

  private static GPTConfig architecture(Map<String, Object> sizes, Dataset dataset) {
    int ids = dataset.tokenizer().vocabSize();
    Map<String, Object> values = new HashMap<>(sizes);
    values.putIfAbsent("vocab_size", ids);
    GPTConfig config = Recipe.config(values);
    if (config.vocabSize() < ids) {
      throw new IllegalArgumentException(
          "vocab_size: expected at least %d, as the data's tokenizer has, got %d"
              .formatted(ids, config.vocabSize()));
    }
    return config;
  }

  private GPT model(GPTConfig architecture, TrainConfig config) {
    GPT model = GPT.create(architecture, backend, DType.FLOAT32, threads);
    model.initialize(config.seed().longValue());
    return model;
  }

  // ---- options ---------------------------------------------------------------------------------

  private Map<String, Object> of(Iterable<String> names) {
    Map<String, Object> some = new LinkedHashMap<>();
    names.forEach(name -> {
      if (options.containsKey(name)) {
        some.put(name, options.get(name));
      }
    });
    return some;
  }

  /** Fields of GPTConfig, which may lack vocab_size. */
  private Map<String, Object> sizes(Recipe found, Origins.Begun begun) {
    for (String name : options.keySet()) {
      boolean isKnown =
          Recipe.modelNames().contains(name) || TrainConfig.DEFAULT.all().containsKey(name);
      if (!isKnown) {
        throw new IllegalArgumentException(
            name + ": expected a field of the model's configuration or of the run's options");
      }
    }
    Map<String, Object> sizes =
        new HashMap<>(begun == null ? found.base().get(Recipe.MODEL) : begun.model());
    sizes.putAll(found.given().get(Recipe.MODEL));
    sizes.putAll(of(Recipe.modelNames()));
    Map<String, Object> whole = new HashMap<>(sizes);
    whole.putIfAbsent("vocab_size", 1);
    GPTConfig config = Recipe.config(whole); // what is wrong is said before any work
    if (begun != null) {
      Recipe.config(begun.model())
          .values()
          .forEach((name, value) -> {
            if (!value.equals(config.values().get(name))) {
              Object got = config.values().get(name);
              throw new FileException(
                  "%s: expected %s, as the model has, got %s: the run began with %s; leave %s out to go"
                          .formatted(name, got, value, value, name)
                      + " on, or begin another run");
            }
          });
    }
    return sizes;
  }

  private TrainConfig config(Recipe found, Origins.Begun begun) {
    Map<String, Object> given = new HashMap<>(found.given().get(Recipe.TRAIN));
    given.putAll(of(TrainConfig.DEFAULT.all().keySet()));
    return TrainConfig.of(
        TrainConfig.merged(begun == null ? found.base().get(Recipe.TRAIN) : begun.train(), given));
  }

  // ---- data ------------------------------------------------------------------------------------

  /** The data; text is prepared in {@code folder}. */
  private Dataset dataset(Recipe found, Path folder, TrainConfig config, Origins.Begun begun) {
    Map<String, Object> given = new LinkedHashMap<>(found.given().get(Recipe.DATA));
    given.putAll(data);
    Map<String, Object> values = new LinkedHashMap<>(found.base().get(Recipe.DATA));
    values.putAll(given);
    String source = Objects.toString(values.get("source"), "");
    if (!source.isEmpty() && !source.equals("-") && Dataset.isIn(Path.of(source))) {
      given.forEach((name, value) -> {
        if (!name.equals("source") && value != null && !value.equals("") && !value.equals(false)) {
          String has = name.equals("tokenizer") ? "has its own" : "is prepared";
          throw new IllegalArgumentException(
              name + ": does not go with " + source + ", which " + has);
        }
      });
      return asBegun(Dataset.load(Path.of(source)), begun);
    }
    if (begun != null) {
      Map<?, ?> origin = begun.origin() == null ? Map.of() : begun.origin();
      if (Files.isDirectory(folder)) {
        Map<?, ?> from = origin.get("source") instanceof Map<?, ?> is ? is : Map.of();
        Origins.checkSource(from, given);
        Map<String, Object> kept = new LinkedHashMap<>();
        from.forEach((name, value) -> kept.put((String) name, value));
        return asBegun(Dataset.load(folder).from(kept), begun);
      }
      String was = origin.containsKey("folder") ? "; that was " + origin.get("folder") : "";
      throw new IllegalArgumentException(
          "data: expected the folder that the run began with, got "
              + (source.isEmpty() ? "none" : source)
              + was);
    }
    return prepared(source, values, folder, config);
  }

  private static Dataset prepared(
      String source, Map<String, Object> values, Path folder, TrainConfig config) {
    if (source.isEmpty()) {
      throw new IllegalArgumentException(
          "data: expected text or a folder of `pygpt prepare`, since the preset names none");
    }
    String tokenizer = Objects.toString(values.get("tokenizer"), "");
    if (tokenizer.isEmpty()) {
      throw new IllegalArgumentException(
          "tokenizer: expected char, gpt2, cl100k_base or a tokenizer.json, since "
              + source
              + " is text");
    }
    Map<String, Object> from = new LinkedHashMap<>(); // in the order of Python's
    from.put("source", source);
    from.put("tokenizer", tokenizer);
    for (String name : List.of("field", "format", "encoding", "separator")) {
      from.put(name, Objects.toString(values.get(name), ""));
    }
    Boolean lines = (Boolean) values.get("lines");
    from.put("lines", lines);
    boolean isDivided = config.batches() == Batches.WINDOWS || !from.get("separator").equals("");
    if (lines == null && isDivided) {
      lines = false;
    }
    Source text =
        new Source(
            source,
            new Source.Reading(
                (String) from.get("field"),
                (String) from.get("format"),
                (String) from.get("encoding"),
                (String) from.get("separator"),
                lines));
    Dataset made = Preparation.prepare(text, source, tokenizer, folder);
    from.put("fingerprint", text.fingerprint());
    return made.from(from);
  }

  private static Dataset asBegun(Dataset data, Origins.Begun begun) {
    if (begun != null) {
      Origins.check(begun.origin(), data.origin());
      String expected = begun.tokenizer();
      if (expected != null && !expected.equals(data.tokenizerFingerprint())) {
        throw new IllegalArgumentException(
            "data: expected those that the run began with, got data of another tokenizer");
      }
    }
    return data;
  }
}
