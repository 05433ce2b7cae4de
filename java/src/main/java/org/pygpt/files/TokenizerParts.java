package org.pygpt.files;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * GPT-2's older form of a tokenizer: vocab.json and merges.txt; what is then done with text is up
 * to the class that tokenizer_config.json names.
 */
final class TokenizerParts {
  private static final String VOCABULARY_FILE = "vocab.json";
  private static final String MERGES_FILE = "merges.txt";
  private static final String CONFIG_FILE = "tokenizer_config.json";
  // https://huggingface.co/Qwen/Qwen2-7B/blob/main/tokenizer.json
  private static final String QWEN2 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private TokenizerParts() {}

  /** Whether a folder has both files. */
  static boolean areIn(Path folder) {
    return Files.isRegularFile(folder.resolve(VOCABULARY_FILE))
        && Files.isRegularFile(folder.resolve(MERGES_FILE));
  }

  /**
   * What tokenizer.json would have.
   *
   * @throws IllegalArgumentException if they are damaged, or of a class that does something else
   */
  static Map<String, Object> read(Path folder) throws IOException {
    Map<String, Object> config = object(folder.resolve(CONFIG_FILE));
    Object given = config.get("tokenizer_class");
    String name = given == null ? "GPT2Tokenizer" : given.toString().replaceFirst("Fast$", "");
    Map<String, Object> split = byteLevel(true);
    Object normalizer = null;
    switch (name) {
      case "Qwen2Tokenizer" -> {
        Map<String, Object> cut =
            Map.of(
                "type",
                "Split",
                "pattern",
                Map.of("Regex", QWEN2),
                "behavior",
                "Isolated",
                "invert",
                false);
        split = Map.of("type", "Sequence", "pretokenizers", List.of(cut, byteLevel(false)));
        normalizer = Map.of("type", "NFC");
      }
      case "GPT2Tokenizer", "CodeGenTokenizer", "PreTrainedTokenizer" ->
          split.put("add_prefix_space", Boolean.TRUE.equals(config.get("add_prefix_space")));
      default ->
          throw new IllegalArgumentException(
              "tokenizer_class: expected GPT2Tokenizer or Qwen2Tokenizer, got " + name);
    }
    Map<String, Object> vocabulary = JsonFiles.read(folder.resolve(VOCABULARY_FILE));
    List<String> merges =
        List.of(Files.readString(folder.resolve(MERGES_FILE)).split("\n")).stream()
            .filter(line -> !line.isEmpty() && !line.startsWith("#version"))
            .toList();
    Map<String, Object> values = new HashMap<>();
    values.put("added_tokens", added(folder, config, vocabulary));
    values.put("normalizer", normalizer);
    values.put("pre_tokenizer", split);
    values.put("decoder", byteLevel(true));
    values.put("model", Map.of("type", "BPE", "vocab", vocabulary, "merges", merges));
    return values;
  }

  private static Map<String, Object> byteLevel(boolean cuts) {
    return new HashMap<>(Map.of("type", "ByteLevel", "add_prefix_space", false, "use_regex", cuts));
  }

  /** The added tokens in the order of their ids; those are special that the class names. */
  private static List<Object> added(
      Path folder, Map<String, Object> config, Map<String, Object> ids) {
    Map<BigInteger, Object> added = new TreeMap<>();
    if (config.get("added_tokens_decoder") instanceof Map<?, ?> decoder) {
      decoder.forEach((number, token) -> {
        Map<String, Object> values = new LinkedHashMap<>();
        ((Map<?, ?>) token).forEach((name, value) -> values.put((String) name, value));
        values.put("id", new BigInteger((String) number));
        added.put(new BigInteger((String) number), values);
      });
    }
    object(folder.resolve("added_tokens.json"))
        .forEach((text, id) -> added.putIfAbsent((BigInteger) id, plain(text, id, false)));
    Set<String> named = new HashSet<>(Set.of("<|endoftext|>"));
    for (var values : List.of(config, object(folder.resolve("special_tokens_map.json")))) {
      for (String role : List.of("bos_token", "eos_token", "unk_token", "pad_token")) {
        Object value =
            values.get(role) instanceof Map<?, ?> is ? is.get("content") : values.get(role);
        named.add(String.valueOf(value));
      }
    }
    named.retainAll(ids.keySet());
    named.forEach(
        text -> added.putIfAbsent((BigInteger) ids.get(text), plain(text, ids.get(text), true)));
    return List.copyOf(added.values());
  }

  private static Map<String, Object> plain(String text, Object id, boolean special) {
    return Map.of("id", id, "content", text, "special", special, "normalized", !special);
  }

  /** The members of a file of JSON; none if it is not there. */
  private static Map<String, Object> object(Path file) {
    try {
      return JsonFiles.read(file);
    } catch (IOException | IllegalArgumentException error) {
      return Map.of();
    }
  }
}
