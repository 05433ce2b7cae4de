package org.pygpt.files;

import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.model.GPTConfig;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Json;

/**
 * What config.json holds: the architecture of a model, and its characters.
 *
 * <p>Its fields are the components of {@link GPTConfig}, in their order and under their names in
 * Python.
 *
 * @param tokenizer null where the model has none
 */
record ConfigJson(GPTConfig config, CharTokenizer tokenizer) {
  private static final String MODEL_TYPE = "pygpt";

  /** Whether a value is a configuration that pygpt wrote. */
  static boolean isOurs(Object values) {
    return values instanceof Map<?, ?> members && MODEL_TYPE.equals(members.get("model_type"));
  }

  /** The file's text. */
  String write() {
    StringBuilder text = new StringBuilder("{\n  \"model_type\": \"" + MODEL_TYPE + "\"");
    config
        .values()
        .forEach((name, value) ->
            text.append(",\n  \"").append(name).append("\": ").append(Json.write(value)));
    if (tokenizer != null) {
      text.append(",\n  \"characters\": ").append(Json.quote(tokenizer.characters()));
    }
    return text.append("\n}\n").toString();
  }

  /**
   * Reads the file's value.
   *
   * @throws DamageException if it is not pygpt's, a field is missing or unknown, or a value cannot
   *     be
   */
  static ConfigJson read(Object value) throws DamageException {
    if (!isOurs(value)) {
      Object got = value instanceof Map<?, ?> members ? members.get("model_type") : null;
      throw new DamageException(
          "expected \"model_type\": \"" + MODEL_TYPE + "\", got " + Json.write(got));
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    ((Map<?, ?>) value).forEach((name, field) -> fields.put((String) name, field));
    fields.remove("model_type");
    Object characters = fields.remove("characters");
    try {
      GPTConfig config = GPTConfig.of(fields);
      return new ConfigJson(config, tokenizer(characters, config));
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new DamageException(error.getMessage());
    }
  }

  /** The tokenizer of these characters, with BOS if the vocabulary is one larger than they are. */
  private static CharTokenizer tokenizer(Object characters, GPTConfig config)
      throws DamageException {
    if (characters == null) {
      return null;
    }
    if (!(characters instanceof String text)) {
      throw new DamageException("characters: expected text, got " + Json.write(characters));
    }
    CharTokenizer tokenizer = new CharTokenizer(text);
    int withBos = tokenizer.vocabSize();
    return switch (withBos - config.vocabSize()) {
      case 0 -> tokenizer;
      case 1 -> tokenizer.withoutBos();
      default ->
          throw new DamageException(
              String.format(
                  "vocab_size: expected %d, for its characters, got %d",
                  withBos, config.vocabSize()));
    };
  }
}
