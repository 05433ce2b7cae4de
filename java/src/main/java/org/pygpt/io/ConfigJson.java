package org.pygpt.io;

import java.util.Iterator;
import java.util.List;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.GPTConfig;
import org.pygpt.text.CharTokenizer;

/**
 * What config.json holds: the sizes of a model, and its characters.
 *
 * @param tokenizer null where the model has none
 */
record ConfigJson(GPTConfig sizes, CharTokenizer tokenizer) {
  private static final String MODEL_TYPE = "pygpt";
  private static final List<String> FIELDS =
      List.of("block_size", "vocab_size", "n_layer", "n_head", "n_embd");

  /** Whether a value is a configuration that pygpt wrote. */
  static boolean isOurs(JsonNode values) {
    return MODEL_TYPE.equals(values.path("model_type").textValue());
  }

  /** The file's text. */
  String write() {
    int[] values = {
      sizes.blockSize(), sizes.vocabSize(), sizes.nLayer(), sizes.nHead(), sizes.nEmbd()
    };
    StringBuilder text = new StringBuilder("{\n  \"model_type\": \"" + MODEL_TYPE + "\"");
    for (int i = 0; i < values.length; i++) {
      text.append(",\n  \"").append(FIELDS.get(i)).append("\": ").append(values[i]);
    }
    if (tokenizer != null) {
      text.append(",\n  \"characters\": ").append(Json.quoteAscii(tokenizer.characters()));
    }
    return text.append("\n}\n").toString();
  }

  /**
   * Reads the file's value.
   *
   * @throws DamageException if it is not pygpt's, a field is missing or unknown, or a value cannot
   *     be
   */
  static ConfigJson read(JsonNode values) throws DamageException {
    if (!isOurs(values)) {
      String got = Json.repr(values.path("model_type"));
      throw new DamageException("expected \"model_type\": \"" + MODEL_TYPE + "\", got " + got);
    }
    for (Iterator<String> names = values.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!FIELDS.contains(name) && !name.equals("model_type") && !name.equals("characters")) {
        throw new DamageException(name + ": expected one of " + String.join(", ", FIELDS));
      }
    }
    for (String name : FIELDS) {
      if (!values.has(name)) {
        throw new DamageException(name + ": expected a value, got none");
      }
    }
    int[] sizes = new int[FIELDS.size()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = size(FIELDS.get(i), values.get(FIELDS.get(i)));
    }
    try {
      GPTConfig config = GPTConfig.microgpt(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]);
      return new ConfigJson(config, tokenizer(values.path("characters"), config));
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new DamageException(error.getMessage());
    }
  }

  private static int size(String name, JsonNode value) throws DamageException {
    if (!value.isIntegralNumber()) {
      throw new DamageException(name + ": expected a whole number, got " + Json.repr(value));
    }
    if (!value.canConvertToInt()) {
      String limit =
          value.bigIntegerValue().signum() < 0 ? "at least 1" : "at most " + Integer.MAX_VALUE;
      throw new DamageException(name + ": expected " + limit + ", got " + value.asText());
    }
    return value.intValue();
  }

  private static CharTokenizer tokenizer(JsonNode characters, GPTConfig config)
      throws DamageException {
    if (characters.isMissingNode() || characters.isNull()) {
      return null;
    }
    if (!characters.isTextual()) {
      throw new DamageException("characters: expected text, got " + Json.repr(characters));
    }
    CharTokenizer tokenizer = new CharTokenizer(characters.textValue());
    if (config.vocabSize() != tokenizer.vocabSize()) {
      throw new DamageException(
          String.format(
              "vocab_size: expected %d, for its characters, got %d",
              tokenizer.vocabSize(), config.vocabSize()));
    }
    return tokenizer;
  }
}
