package org.pygpt.cli;

import java.nio.file.Path;
import java.util.List;
import org.pygpt.GPT;
import org.pygpt.files.FileException;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The checkpoint of a command, and how it is run. */
final class ModelOptions {
  private static final List<String> FORMATS = List.of("float32", "bfloat16", "int8", "int4");
  private static final List<String> CACHES = List.of("float32", "int8");

  @Parameters(index = "0", paramLabel = "CHECKPOINT", description = "a model's folder, or a run's")
  private Path checkpoint;

  @Option(
      names = "--weights",
      paramLabel = "float32|bfloat16|int8|int4",
      defaultValue = "float32",
      description = "round the weights to this format: with fewer bits tokens come faster")
  private String weights;

  @Option(
      names = "--kv-cache",
      paramLabel = "float32|int8",
      defaultValue = "float32",
      description =
          "the numbers in which keys and values of what was read are kept: int8 takes a quarter of"
              + " the memory")
  private String cache;

  @Option(
      names = "--backend",
      paramLabel = "cpu|nd4j|plain|cuda|auto",
      defaultValue = "cpu",
      description =
          "cpu is fast, cuda runs on an NVIDIA card, nd4j is ND4J's own operations, plain the"
              + " reference; auto is cuda where a card is and the model is large enough, else cpu")
  private String backend;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "how many threads backend cpu uses; 0: one per processor")
  private int threads;

  /** Passes if the values can be; before anything is read. */
  void check() {
    requireOneOf("weights", FORMATS, weights);
    requireOneOf("kv_cache", CACHES, cache);
  }

  private static void requireOneOf(String name, List<String> choices, String got) {
    if (!choices.contains(got)) {
      throw new IllegalArgumentException(
          name + ": expected one of " + String.join(", ", choices) + ", got " + got);
    }
  }

  /** The model, which the caller closes. */
  GPT load() throws FileException {
    GPT model = GPT.load(checkpoint, backend, threads);
    try {
      if (!weights.equals("float32")) {
        model.engine().quantize(weights);
      }
      if (!cache.equals("float32")) {
        model.engine().keepCachesAs(cache);
      }
      return model;
    } catch (RuntimeException | Error error) {
      model.close();
      throw error;
    }
  }
}
