package org.pygpt.files;

import java.util.StringJoiner;
import org.nd4j.shade.jackson.core.JsonParser;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.DeserializationFeature;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.pygpt.python.PythonNumber;
import org.pygpt.python.PythonText;

/** JSON: read by Jackson, written as Python's {@code json.dumps} does. */
public final class Json {
  private Json() {}

  /**
   * Parses one JSON value.
   *
   * @throws DamageException if the text is not one
   */
  static JsonNode parse(String text) throws DamageException {
    ObjectMapper mapper = new ObjectMapper();
    mapper.enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    mapper.enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    try {
      JsonNode value = mapper.readTree(text);
      if (value.isMissingNode()) {
        throw new DamageException("expected a value, got nothing");
      }
      return value;
    } catch (JsonProcessingException error) {
      throw new DamageException(error.getOriginalMessage());
    }
  }

  /** A text in quotes, with every character as itself: {@code json.dumps(ensure_ascii=False)}. */
  public static String quote(String text) {
    return quote(text, Character.MAX_VALUE);
  }

  /** A text in quotes, in ASCII: {@code json.dumps}. */
  public static String quoteAscii(String text) {
    return quote(text, '~');
  }

  private static String quote(String text, char last) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ' || c > last) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }

  /** A value as Python's {@code repr} writes it. */
  static String repr(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> PythonText.repr(value.textValue());
      case BOOLEAN -> value.booleanValue() ? "True" : "False";
      case NULL, MISSING -> "None";
      case NUMBER ->
          value.isIntegralNumber() ? value.asText() : PythonNumber.repr(value.doubleValue());
      case ARRAY -> {
        StringJoiner items = new StringJoiner(", ", "[", "]");
        value.elements().forEachRemaining(item -> items.add(repr(item)));
        yield items.toString();
      }
      case OBJECT -> {
        StringJoiner items = new StringJoiner(", ", "{", "}");
        value
            .fields()
            .forEachRemaining(field ->
                items.add(PythonText.repr(field.getKey()) + ": " + repr(field.getValue())));
        yield items.toString();
      }
      default -> throw new AssertionError(value.getNodeType()); // a text has no other
    };
  }
}
