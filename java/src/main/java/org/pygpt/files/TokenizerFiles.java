package org.pygpt.files;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.text.PublishedTokenizer;
import org.pygpt.text.Tokenizer;
import org.pygpt.text.TokenizerJson;

/** Tokenizers by name, folder or file, as Python's {@code pygpt.load_tokenizer} has them. */
public final class TokenizerFiles {
  static final String TOKENIZER_FILE = "tokenizer.json";
  // Where BOS and EOS have their names, and where only their ids.
  private static final List<String> BESIDE =
      List.of(
          "tokenizer_config.json",
          "special_tokens_map.json",
          "generation_config.json",
          "config.json");

  private TokenizerFiles() {}

  /**
   * A published tokenizer, or a saved one.
   *
   * @param where one of {@link PublishedTokenizer#names}; or a tokenizer.json, or a folder with one
   *     or with vocab.json and merges.txt, beside which Hugging Face's files may name the tokens
   *     that begin and end a text
   * @throws FileException if it is missing, damaged, or of a kind that is not known here
   */
  public static Tokenizer load(String where) throws FileException {
    boolean isPublished = PublishedTokenizer.names().contains(where);
    return isPublished ? PublishedTokenizer.named(where) : load(Path.of(where));
  }

  /** Whether a folder has a tokenizer. */
  static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(TOKENIZER_FILE)) || TokenizerParts.areIn(folder);
  }

  /** The tokenizer of a folder or file; see the other method. */
  public static Tokenizer load(Path where) throws FileException {
    Path file = Files.isDirectory(where) ? where.resolve(TOKENIZER_FILE) : where;
    boolean isDivided = !Files.exists(file) && TokenizerParts.areIn(where);
    String name = isDivided ? "tokenizer folder " + where : "tokenizer file " + file;
    try {
      Map<String, Object> values = isDivided ? TokenizerParts.read(where) : JsonFiles.read(file);
      return TokenizerJson.read(values, ids -> roles(file.toAbsolutePath().getParent(), ids));
    } catch (NoSuchFileException error) {
      String names = String.join(", ", PublishedTokenizer.names());
      throw new FileException(name + ": does not exist; published ones are " + names);
    } catch (IOException error) {
      throw new FileException(name + ": cannot be read", error);
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new FileException(name + ": " + error.getMessage());
    }
  }

  /** {@code bos}, {@code eos} and {@code pad} -> id, as far as the files of a folder name them. */
  private static Map<String, Integer> roles(Path folder, Map<String, Integer> ids) {
    List<Map<String, Object>> files = new ArrayList<>();
    for (String name : BESIDE) {
      try {
        files.add(JsonFiles.read(folder.resolve(name)));
      } catch (IOException | IllegalArgumentException error) {
        files.add(Map.of()); // what is not there, or no JSON, names nothing
      }
    }
    Map<String, Integer> roles = new HashMap<>();
    for (String role : List.of("bos", "eos", "pad")) {
      files.stream()
          .map(values -> id(values, role, ids))
          .filter(id -> id >= 0)
          .findFirst()
          .ifPresent(id -> roles.put(role, id));
    }
    return roles;
  }

  private static int id(Map<String, Object> values, String role, Map<String, Integer> ids) {
    Object name = values.get(role + "_token");
    name = name instanceof Map<?, ?> token ? token.get("content") : name;
    if (name instanceof String text && ids.containsKey(text)) {
      return ids.get(text);
    }
    Object id = values.get(role + "_token_id");
    id = id instanceof List<?> several && !several.isEmpty() ? several.getFirst() : id;
    boolean isId = id instanceof BigInteger n && n.bitLength() < Integer.SIZE;
    int number = isId ? ((BigInteger) id).intValue() : -1;
    return ids.containsValue(number) ? number : -1;
  }
}
