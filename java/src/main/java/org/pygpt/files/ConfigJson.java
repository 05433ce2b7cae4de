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
import org.pygpt.python.PythonNumber;
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

  /** The fields that may be 0, which stands for a size that follows from another one. */
  private static final List<String> MAY_BE_ZERO = List.of("n_kv_head", "n_inner");

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
      text.append(",\n  \"characters\": ").append(Json.quoteAscii(tokenizer.characters()));
    }
    return text.append("\n}\n").toString();
  }

  private String json(RecordComponent field) {
    try {
      return switch (field.getAccessor().invoke(config)) {
        case Enum<?> choice -> Json.quoteAscii(Choice.name(choice));
        case Double number -> PythonNumber.repr(number);
        case Object sizeOrSwitch -> sizeOrSwitch.toString();
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
      String got = Json.repr(values.path("model_type"));
      throw new DamageException("expected \"model_type\": \"" + MODEL_TYPE + "\", got " + got);
    }
    for (Iterator<String> names = values.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!NAMES.contains(name) && !name.equals("model_type") && !name.equals("characters")) {
        throw new DamageException(name + ": expected one of " + String.join(", ", NAMES));
      }
    }
    for (String name : NAMES) {
      if (!values.has(name)) {
        throw new DamageException(name + ": expected a value, got none");
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
    if (type == int.class) {
      return size(name, value);
    }
    if (type == double.class) {
      require(value.isNumber(), name, "a number", value);
      return value.doubleValue();
    }
    if (type == boolean.class) {
      require(value.isBoolean(), name, "true or false", value);
      return value.booleanValue();
    }
    return choice(name, type, value);
  }

  private static int size(String name, JsonNode value) throws DamageException {
    require(value.isIntegralNumber(), name, "a whole number", value);
    int least = MAY_BE_ZERO.contains(name) ? 0 : 1;
    boolean isNegative = value.bigIntegerValue().signum() < 0;
    require(value.canConvertToInt() || isNegative, name, "at most " + Integer.MAX_VALUE, value);
    require(!isNegative && value.intValue() >= least, name, "at least " + least, value);
    return value.intValue();
  }

  private static Object choice(String name, Class<?> type, JsonNode value) throws DamageException {
    require(value.isTextual(), name, "text", value);
    for (Object choice : type.getEnumConstants()) {
      if (Choice.name((Enum<?>) choice).equals(value.textValue())) {
        return choice;
      }
    }
    throw problem(name, "one of " + Choice.names(type), value);
  }

  private static void require(boolean met, String name, String expected, JsonNode got)
      throws DamageException {
    if (!met) {
      throw problem(name, expected, got);
    }
  }

  private static DamageException problem(String name, String expected, JsonNode got) {
    return new DamageException(name + ": expected " + expected + ", got " + Json.repr(got));
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
    require(characters.isTextual(), "characters", "text", characters);
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
