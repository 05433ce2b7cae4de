package org.pygpt.files;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.model.GPTConfig;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Choice;

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
  private static final RecordComponent[] FIELDS = GPTConfig.class.getRecordComponents();
  private static final List<String> NAMES = Arrays.stream(FIELDS).map(ConfigJson::name).toList();

  /** The name in Python of nLayer is n_layer. */
  private static String name(RecordComponent field) {
    return field.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  /** Whether a value is a configuration that pygpt wrote. */
  static boolean isOurs(JsonNode values) {
    return MODEL_TYPE.equals(values.path("model_type").textValue());
  }

  // ---- writing ---------------------------------------------------------------------------------

  /** The file's text. */
  String write() {
    StringBuilder text = new StringBuilder("{\n  \"model_type\": \"" + MODEL_TYPE + "\"");
    for (RecordComponent field : FIELDS) {
      text.append(",\n  \"").append(name(field)).append("\": ").append(json(field));
    }
    if (tokenizer != null) {
      text.append(",\n  \"characters\": ").append(Json.quote(tokenizer.characters()));
    }
    return text.append("\n}\n").toString();
  }

  private String json(RecordComponent field) {
    try {
      return switch (field.getAccessor().invoke(config)) {
        case Enum<?> choice -> Json.quote(Choice.name(choice));
        case Object numberOrSwitch -> numberOrSwitch.toString();
      };
    } catch (ReflectiveOperationException error) {
      throw new AssertionError(error); // the accessors of a public record are public
    }
  }

  // ---- reading ---------------------------------------------------------------------------------

  /**
   * Reads the file's value.
   *
   * @throws DamageException if it is not pygpt's, a field is missing or unknown, or a value cannot
   *     be
   */
  static ConfigJson read(JsonNode values) throws DamageException {
    if (!isOurs(values)) {
      throw new DamageException(
          "expected \"model_type\": \"" + MODEL_TYPE + "\", got " + values.get("model_type"));
    }
    for (Iterator<String> names = values.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!NAMES.contains(name) && !name.equals("model_type") && !name.equals("characters")) {
        throw new DamageException(name + ": expected one of " + String.join(", ", NAMES));
      }
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    for (RecordComponent field : FIELDS) {
      String name = name(field);
      fields.put(name, value(name, field.getType(), values.get(name)));
    }
    try {
      fields.replace("n_kv_head", 0, fields.get("n_head"));
      if (fields.get("n_inner").equals(0)) {
        fields.put("n_inner", GPTConfig.feedForwardWidth((int) fields.get("n_embd")));
      }
      GPTConfig config = construct(fields.values().toArray());
      return new ConfigJson(config, tokenizer(values.path("characters"), config));
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      throw new DamageException(error.getMessage());
    }
  }

  private static Object value(String name, Class<?> type, JsonNode value) throws DamageException {
    String expected;
    if (value == null) {
      expected = "a value";
    } else if (type == int.class) {
      if (value.isIntegralNumber() && value.canConvertToInt()) {
        return value.intValue();
      }
      expected = "a whole number up to " + Integer.MAX_VALUE;
    } else if (type == double.class) {
      if (value.isNumber()) {
        return value.doubleValue();
      }
      expected = "a number";
    } else if (type == boolean.class) {
      if (value.isBoolean()) {
        return value.booleanValue();
      }
      expected = "true or false";
    } else {
      for (Object choice : type.getEnumConstants()) {
        if (Choice.name((Enum<?>) choice).equals(value.textValue())) {
          return choice;
        }
      }
      expected = "one of " + Choice.names(type);
    }
    throw problem(name, expected, value);
  }

  private static DamageException problem(String name, String expected, JsonNode got) {
    return new DamageException(name + ": expected " + expected + ", got " + got);
  }

  private static GPTConfig construct(Object[] values) {
    Class<?>[] types = Arrays.stream(FIELDS).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      return GPTConfig.class.getConstructor(types).newInstance(values);
    } catch (InvocationTargetException error) {
      throw (RuntimeException) error.getCause(); // the constructor declares no checked exception
    } catch (ReflectiveOperationException error) {
      throw new AssertionError(error); // a record has this constructor
    }
  }

  /** The tokenizer of these characters, with BOS if the vocabulary is one larger than they are. */
  private static CharTokenizer tokenizer(JsonNode characters, GPTConfig config)
      throws DamageException {
    if (characters.isMissingNode() || characters.isNull()) {
      return null;
    }
    if (!characters.isTextual()) {
      throw problem("characters", "text", characters);
    }
    CharTokenizer tokenizer = new CharTokenizer(characters.textValue());
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
