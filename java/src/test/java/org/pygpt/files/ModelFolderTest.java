package org.pygpt.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.text.CharTokenizer;

/** Model folders: round trip, replacement, refusal of what is not ours, and damage. */
class ModelFolderTest {
  private static final GPTConfig CONFIG = GPTConfig.microgpt(3, 4, 2, 1, 5);
  private static final GPTConfig LLAMA =
      GPTConfig.gpt2(3, 5, 2, 6, 12)
          .with(
              Map.of(
                  "dropout",
                  0.1,
                  "bias",
                  false,
                  "norm",
                  "rmsnorm",
                  "activation",
                  "swiglu",
                  "n_kv_head",
                  2,
                  "n_inner",
                  7,
                  "norm_eps",
                  1e-6,
                  "positions",
                  "rotary",
                  "rope_theta",
                  5e5));
  private static final CharTokenizer TOKENIZER = new CharTokenizer("a\u00e9\ud83d\udc04", true);
  private static final String WEIGHTS = "model.safetensors";
  private static final String CONFIG_JSON = "config.json";

  @TempDir Path temporary;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void unmap() {
    arena.close();
  }

  /** A weight of each name; element i is start + i. */
  private SortedMap<String, SafeTensors.Array> weights(GPTConfig config, float start) {
    SortedMap<String, SafeTensors.Array> weights = new TreeMap<>();
    Layout.of(config)
        .shapes()
        .forEach((name, shape) -> {
          SafeTensors.Array weight = SafeTensors.Array.ofFloats(arena, shape);
          for (long i = 0; i < weight.bytes().byteSize() / 4; i++) {
            weight.setFloat(i, start + i);
          }
          weights.put(name, weight);
        });
    return weights;
  }

  private SortedMap<String, SafeTensors.Array> weights(float start) {
    return weights(CONFIG, start);
  }

  private Path saved() throws FileException {
    Path folder = temporary.resolve("model");
    ModelFolder.save(folder, CONFIG, TOKENIZER, weights(0));
    return folder;
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }

  static Stream<GPTConfig> configurations() {
    return Stream.of(CONFIG, LLAMA, GPTConfig.gpt2(3, 4, 2, 1, 5));
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void roundTrip(GPTConfig config) throws Exception {
    Path folder = temporary.resolve("model");
    SortedMap<String, SafeTensors.Array> expected = weights(config, 3);
    ModelFolder.save(folder, config, null, expected);
    assertEquals(List.of(CONFIG_JSON, WEIGHTS), names(folder));
    assertEquals(List.of("model"), names(temporary));
    ModelFolder.Saved loaded = ModelFolder.load(folder, arena);
    assertEquals(config, loaded.config());
    assertEquals(expected.keySet(), loaded.weights().keySet());
    expected.forEach((name, weight) -> {
      SafeTensors.Array got = loaded.weights().get(name);
      assertEquals(weight.shape(), got.shape());
      assertEquals(-1, weight.bytes().mismatch(got.bytes()));
    });
  }

  @Test
  void configHasTheNamesOfPythons() throws Exception {
    Path folder = temporary.resolve("model");
    ModelFolder.save(
        folder, LLAMA, new CharTokenizer("\"a\u00e9\ud83d\udc04", true), weights(LLAMA, 0));
    assertEquals(
        """
        {
          "model_type": "pygpt",
          "block_size": 3,
          "vocab_size": 5,
          "n_layer": 2,
          "n_head": 6,
          "n_embd": 12,
          "dropout": 0.1,
          "bias": false,
          "norm": "rmsnorm",
          "activation": "swiglu",
          "tie_weights": true,
          "n_kv_head": 2,
          "n_inner": 7,
          "norm_gain": true,
          "norm_eps": 1.0E-6,
          "final_norm": true,
          "embedding_norm": false,
          "positions": "rotary",
          "rope_theta": 500000.0,
          "characters": "\\"a\u00e9\ud83d\udc04"
        }
        """,
        Files.readString(folder.resolve(CONFIG_JSON)));
  }

  @Test
  void bosIsWhatTheVocabularyHasBesideTheCharacters() throws Exception {
    CharTokenizer loaded = ModelFolder.load(saved(), arena).tokenizer();
    assertEquals(TOKENIZER.characters(), loaded.characters());
    assertTrue(loaded.hasBos());
    Path text = temporary.resolve("text");
    ModelFolder.save(text, CONFIG, new CharTokenizer("abcd", false), weights(0));
    loaded = ModelFolder.load(text, arena).tokenizer();
    assertEquals("abcd", loaded.characters());
    assertFalse(loaded.hasBos());
  }

  @Test
  void zeroStandsForWhatFollowsFromOtherSizes() throws Exception {
    Path config = saved().resolve(CONFIG_JSON);
    String text = Files.readString(config);
    String zeros = text.replace("head\": 1,\n  \"n_inner\": 20", "head\": 0,\n  \"n_inner\": 0");
    assertNotEquals(text, zeros);
    Files.writeString(config, zeros);
    assertEquals(CONFIG, ModelFolder.load(config.getParent(), arena).config());
  }

  @Test
  void withoutCharacters() throws Exception {
    Path folder = temporary.resolve("model");
    ModelFolder.save(folder, CONFIG, null, weights(0));
    assertNull(ModelFolder.load(folder, arena).tokenizer());
  }

  @Test
  void oursIsReplaced() throws Exception {
    Path folder = saved();
    Files.writeString(folder.resolve(WEIGHTS), "damaged");
    ModelFolder.checkWritable(folder);
    ModelFolder.save(folder, CONFIG, TOKENIZER, weights(2));
    var weight = ModelFolder.load(folder, arena).weights().get("wpe.weight");
    assertEquals(2 + 14, weight.getFloat(14));
    assertEquals(List.of("model"), names(temporary));
  }

  @Test
  void realFollowsLinksAsFarAsThereIsSomething() throws Exception {
    Path top = temporary.toRealPath();
    Files.createDirectories(top.resolve("a/b"));
    Path link = Files.createSymbolicLink(top.resolve("link"), Path.of("a/b"));
    assertEquals(top.resolve("a/b"), ModelFolder.real(link));
    assertEquals(top.resolve("a/b/new/x"), ModelFolder.real(link.resolve("new/x")));
    assertEquals(top.resolve("x"), ModelFolder.real(top.resolve("none/../x")));
    assertEquals(Path.of("").toRealPath().resolve("none"), ModelFolder.real(Path.of("none")));
  }

  @Test
  void linksStayLinks() throws Exception {
    Path folder = saved();
    Path link = Files.createSymbolicLink(temporary.resolve("link"), Path.of("model"));
    ModelFolder.save(link, CONFIG, null, weights(0));
    assertTrue(Files.isSymbolicLink(link));
    assertNull(ModelFolder.load(folder, arena).tokenizer());
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "file", "dangling", "foreign", "third", "folders"})
  void whatIsNotOursIsRefused(String kind) throws Exception {
    Path out = temporary.resolve("out");
    switch (kind) {
      case "empty" -> Files.createDirectory(out);
      case "file" -> Files.writeString(out, "keep me");
      case "dangling" -> Files.createSymbolicLink(out, Path.of("none"));
      case "foreign" -> {
        Files.createDirectory(out);
        Files.writeString(out.resolve(CONFIG_JSON), "{\"model_type\": \"gpt2\"}");
        Files.writeString(out.resolve(WEIGHTS), "");
      }
      case "third" -> {
        ModelFolder.save(out, CONFIG, null, weights(0));
        Files.writeString(out.resolve("notes.txt"), "keep me");
      }
      default -> {
        Files.createDirectories(out.resolve(CONFIG_JSON));
        Files.createDirectory(out.resolve(WEIGHTS));
      }
    }
    String expected =
        "output folder "
            + out
            + ": exists and is no model that pygpt wrote; choose another name, or remove it";
    var error = assertThrows(FileException.class, () -> ModelFolder.checkWritable(out));
    assertEquals(expected, error.getMessage());
    error =
        assertThrows(
            FileException.class, () -> ModelFolder.save(out, CONFIG, TOKENIZER, weights(0)));
    assertEquals(expected, error.getMessage());
    assertEquals(List.of("out"), names(temporary));
  }

  @Test
  void notWritable() throws IOException {
    Files.writeString(temporary.resolve("file"), "");
    Path real = temporary.toRealPath();
    String[][] cases = {
      {"none/out", "No such file or directory"},
      {"file/out", "Not a directory"},
      {"x".repeat(300), "File name too long"},
    };
    for (String[] names : cases) {
      Path out = temporary.resolve(names[0]);
      var error = assertThrows(FileException.class, () -> ModelFolder.checkWritable(out));
      assertEquals(
          "output folder " + real.resolve(names[0]) + ": cannot be written: " + names[1],
          error.getMessage());
    }
    assertEquals(List.of("file"), names(temporary));
  }

  private String problem(Path folder) {
    String message =
        assertThrows(FileException.class, () -> ModelFolder.load(folder, arena)).getMessage();
    String start = "model folder " + folder + ": ";
    assertEquals(start, message.substring(0, start.length()));
    assertEquals(1, message.lines().count());
    return message.substring(start.length());
  }

  @Test
  void noFolder() throws Exception {
    assertEquals("does not exist", problem(temporary.resolve("none")));
    assertEquals("is no folder", problem(Files.writeString(temporary.resolve("file"), "")));
    assertEquals("config.json is missing; was it made by pygpt?", problem(temporary));
    Path folder = saved();
    Files.delete(folder.resolve(WEIGHTS));
    assertEquals("model.safetensors is missing", problem(folder));
    Files.writeString(folder.resolve(CONFIG_JSON), "{");
    assertEquals("config.json is damaged: ", problem(folder).substring(0, 24));
    Files.write(folder.resolve(CONFIG_JSON), new byte[] {'{', '"', (byte) 0xe9});
    assertEquals(
        "config.json is damaged: expected UTF-8, got another byte at offset 2", problem(folder));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"pygpt\"        | \"gpt2\"         | expected \"model_type\": \"pygpt\", got \"gpt2\"",
        "\"model_type\"   | \"x\"            | expected \"model_type\": \"pygpt\", got null",
        "\"n_head\"       | \"n_heads\"      | n_heads: expected one of block_size, vocab_size,"
            + " n_layer, n_head, n_embd, dropout, bias, norm, activation, tie_weights, n_kv_head,"
            + " n_inner, norm_gain, norm_eps, final_norm, embedding_norm, positions, rope_theta",
        "\"n_head\": 1,   | ''               | n_head: expected a value, got none",
        "\"n_head\": 1    | \"n_head\": true | n_head: expected a whole number, got true",
        "\"n_head\": 1    | \"n_head\": 1.0  | n_head: expected a whole number, got 1.0",
        "\"n_layer\": 2   | \"n_layer\": 2147483648 | n_layer: expected at most 2147483647, got"
            + " 2147483648",
        "\"n_head\": 1    | \"n_head\": 0    | n_head: expected at least 1, got 0",
        "\"n_head\": 1    | \"n_head\": 2    | n_embd: expected a multiple of n_head = 2, got 5",
        "\"dropout\": 0.0 | \"dropout\": \"0\"| dropout: expected a number, got \"0\"",
        "\"dropout\": 0.0 | \"dropout\": -1  | dropout: expected a number in [0, 1), got -1.0",
        "\"bias\": false  | \"bias\": 0       | bias: expected true or false, got 0",
        "\"rmsnorm\"      | \"RMSNORM\"      | norm: expected one of layernorm, rmsnorm, got"
            + " \"RMSNORM\"",
        "\"rmsnorm\"      | null             | norm: expected text, got null",
        "\"vocab_size\": 4| \"vocab_size\": 5| vocab_size: expected 4, for its characters, got 5",
        "\"vocab_size\": 4| \"vocab_size\": 2| vocab_size: expected 4, for its characters, got 2",
        "\"characters\": \"a | \"characters\": \"ba | characters: expected different ones in code"
            + " point order",
        "\ud83d\udc04     | \\ud83d          | characters: expected whole characters,"
            + " got half a surrogate pair",
      })
  void configsThatCannotBe(String from, String to, String expected) throws Exception {
    Path config = saved().resolve(CONFIG_JSON);
    String before = Files.readString(config);
    String after = before.replace(from, to);
    assertTrue(!after.equals(before));
    Files.writeString(config, after);
    assertEquals("config.json: " + expected, problem(config.getParent()));
  }

  private String problem(Function<SortedMap<String, SafeTensors.Array>, Object> change)
      throws FileException {
    Path folder = temporary.resolve("model");
    SortedMap<String, SafeTensors.Array> weights = weights(0);
    change.apply(weights);
    ModelFolder.save(folder, CONFIG, TOKENIZER, weights);
    return problem(folder);
  }

  @Test
  void weightsOfAnotherModel() throws Exception {
    SafeTensors.Array turned = SafeTensors.Array.ofFloats(arena, List.of(5L, 3L));
    assertEquals(
        "model.safetensors: expected 11 tensors, got 10",
        problem(weights -> weights.remove("wpe.weight")));
    assertEquals(
        "model.safetensors: tensor ln_f.weight is not of this model",
        problem(weights -> weights.put("ln_f.weight", turned)));
    assertEquals(
        "model.safetensors: tensor lm_head.weight is missing",
        problem(weights -> weights.put("x", weights.remove("lm_head.weight"))));
    assertEquals(
        "model.safetensors: wpe.weight: expected shape [3, 5], got [5, 3]",
        problem(weights -> weights.put("wpe.weight", turned)));
  }

  @Test
  void aListThatTheConfigMakesEndless() throws Exception {
    Path config = saved().resolve(CONFIG_JSON);
    String text = Files.readString(config).replace("\"n_layer\": 2", "\"n_layer\": 2147483647");
    Files.writeString(config, text);
    assertEquals(
        "model.safetensors: expected 8589934591 tensors, got 11", problem(config.getParent()));
  }

  @Test
  void cutAnywhereIsDamage() throws Exception {
    Path weights = saved().resolve(WEIGHTS);
    byte[] whole = Files.readAllBytes(weights);
    for (int length : new int[] {0, 7, 20, 1800, whole.length - 1}) {
      Files.write(weights, Arrays.copyOf(whole, length));
      assertEquals("model.safetensors is damaged: ", problem(weights.getParent()).substring(0, 30));
    }
    Files.write(weights, whole);
    ModelFolder.load(weights.getParent(), arena);
    assertArrayEquals(whole, Files.readAllBytes(weights));
  }
}
