package org.pygpt.names;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.SafeTensors;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.support.Golden;
import org.pygpt.support.Tolerances;
import org.pygpt.text.CharTokenizer;

/** The protocol: the original's run and the reference's others, on each backend. */
class NamesRunTest {
  /** What a run gives. */
  private record Result(double[] losses, List<String> names) {}

  private static NamesConfig config(String... arguments) {
    return NamesConfig.of(Option.parse(arguments));
  }

  private static Result run(NamesConfig config, List<String> documents) throws Exception {
    DoubleStream.Builder losses = DoubleStream.builder();
    int[] next = {0};
    try (NamesRun run = NamesRun.begin(config, documents)) {
      run.train((first, some) -> {
        assertEquals(next[0], first);
        next[0] += some.length;
        DoubleStream.of(some).forEach(losses::add);
      });
      return new Result(losses.build().toArray(), run.sample());
    }
  }

  private static void assertLosses(double[] expected, double[] got, String backend) {
    assertEquals(expected.length, got.length);
    double relative =
        backend.equals("plain")
            ? Tolerances.LOSS_RELATIVE_FLOAT64
            : Tolerances.LOSS_RELATIVE_FLOAT32;
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], got[i], relative * expected[i], "loss " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "nd4j", "plain"})
  void theDefaultRunIsTheOriginal(String backend) throws Exception {
    double[] losses =
        Golden.lines("microgpt/seed42_losses.tsv").stream()
            .mapToDouble(line -> Double.parseDouble(line.split("\t")[1]))
            .toArray();
    Result result = run(config("--backend", backend), Documents.shippedNames());
    assertLosses(losses, result.losses, backend);
    assertEquals(Golden.lines("microgpt/seed42_names.txt"), result.names);
  }

  static Stream<Arguments> protocols() throws IOException {
    List<Arguments> cases = new ArrayList<>();
    Golden.json("protocols.json")
        .fields()
        .forEachRemaining(field -> {
          for (String backend : List.of("cpu", "nd4j", "plain")) {
            cases.add(Arguments.of(field.getKey(), backend, field.getValue()));
          }
        });
    return cases.stream();
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("protocols")
  void otherRuns(String name, String backend, JsonNode protocol) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("--backend", backend));
    List<String> documents = Documents.shippedNames();
    for (var fields = protocol.get("options").fields(); fields.hasNext(); ) {
      var option = fields.next();
      if (option.getKey().equals("data")) {
        documents = Documents.read(Golden.DATA.resolve(option.getValue().textValue()));
      } else {
        arguments.add("--" + option.getKey().replace('_', '-'));
        arguments.add(option.getValue().asText());
      }
    }
    Result result = run(config(arguments.toArray(String[]::new)), documents);
    assertLosses(Golden.doubles(protocol.get("losses")), result.losses, backend);
    assertEquals(Golden.texts(protocol.get("names")), result.names);
  }

  @Test
  void sameSeedSameBits() throws Exception {
    NamesConfig config = config("--steps=53", "--samples=5", "--seed=9");
    Result first = run(config, Documents.shippedNames());
    Result second = run(config, Documents.shippedNames());
    assertArrayEquals(first.losses, second.losses);
    assertEquals(first.names, second.names);
  }

  @Test
  void moreStepsThanDocumentsGoRound() throws Exception {
    List<String> documents = List.of("ab", "b", "abc"); // cannot be changed, so it is not shuffled
    Result result = run(config("--steps=7", "--n-embd=6", "--n-head=3"), documents);
    assertEquals(7, result.losses.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "plain"})
  void aSavedModelIsTheSame(String backend, @TempDir Path folder) throws Exception {
    NamesConfig config = config("--steps=20", "--n-embd=6", "--n-head=3", "--backend", backend);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    try (NamesRun run = NamesRun.begin(config, List.of("anna", "zo\u00eb"))) {
      run.train((_, _) -> {});
      run.save(first);
    }
    List<String> samples;
    try (NamesRun run = NamesRun.load(config, first)) {
      samples = run.sample();
      run.save(second);
    }
    for (String file : List.of("config.json", "model.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(first.resolve(file)), Files.readAllBytes(second.resolve(file)));
    }
    try (NamesRun run = NamesRun.load(config, second)) {
      assertEquals(samples, run.sample());
    }
  }

  /** Saves a model with random weights. */
  private static void save(Path folder, GPTConfig config, CharTokenizer tokenizer)
      throws FileException {
    Random random = new Random(5);
    SortedMap<String, SafeTensors.Array> weights = new TreeMap<>();
    try (Arena arena = Arena.ofConfined()) {
      Layout.of(config)
          .shapes()
          .forEach((name, shape) -> {
            SafeTensors.Array weight = SafeTensors.Array.ofFloats(arena, shape);
            for (long i = 0; i < weight.bytes().byteSize() / 4; i++) {
              weight.setFloat(i, (float) random.nextGaussian());
            }
            weights.put(name, weight);
          });
      ModelFolder.save(folder, config, tokenizer, weights);
    }
  }

  @Test
  void aSavedModelOfAnotherArchitectureIsTheSame(@TempDir Path folder) throws Exception {
    GPTConfig architecture =
        GPTConfig.gpt2(7, 4, 2, 6, 24)
            .with(
                Map.of(
                    "dropout",
                    0.1,
                    "activation",
                    "swiglu",
                    "tie_weights",
                    false,
                    "n_kv_head",
                    2,
                    "n_inner",
                    17,
                    "embedding_norm",
                    true,
                    "positions",
                    "rotary"));
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    save(first, architecture, new CharTokenizer("abc", true));
    try (NamesRun run = NamesRun.load(config("--samples=3"), first)) {
      assertEquals(3, run.sample().size());
      run.save(second);
    }
    for (String file : List.of("config.json", "model.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(first.resolve(file)), Files.readAllBytes(second.resolve(file)));
    }
  }

  @Test
  void aModelOfTextHasNoNames(@TempDir Path folder) throws Exception {
    GPTConfig architecture = GPTConfig.microgpt(5, 3, 1, 1, 2);
    NamesConfig config = config();
    Path model = folder.resolve("model");
    for (CharTokenizer tokenizer : Arrays.asList(null, new CharTokenizer("abc", false))) {
      save(model, architecture, tokenizer);
      var error = assertThrows(FileException.class, () -> NamesRun.load(config, model));
      assertEquals(
          "model folder "
              + model
              + ": expected a model of documents, got one without characters or BOS",
          error.getMessage());
    }
  }

  @Test
  void theLossesBeforeAFailureAreTaken() throws Exception {
    List<Double> taken = new ArrayList<>();
    NamesConfig config = config("--learning-rate=1e300", "--steps=5");
    try (NamesRun run = NamesRun.begin(config, List.of("anna", "zo\u00eb"))) {
      assertThrows(
          ArithmeticException.class,
          () -> run.train((_, losses) -> DoubleStream.of(losses).forEach(taken::add)));
    }
    assertEquals(1, taken.size());
  }

  @Test
  void aFailedListenerEndsTheTraining() throws Exception {
    FileException failure = new FileException("log file x: cannot be written");
    try (NamesRun run = NamesRun.begin(config("--steps=2000000"), List.of("anna"))) {
      var thrown =
          assertThrows(
              FileException.class,
              () ->
                  run.train((_, _) -> {
                    throw failure;
                  }));
      assertSame(failure, thrown);
    }
  }
}
