package org.pygpt.files;

import org.nd4j.shade.jackson.core.JsonParser;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.core.io.JsonStringEncoder;
import org.nd4j.shade.jackson.databind.DeserializationFeature;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** JSON by Jackson, strictly read. */
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

  /** A text in quotes, with escapes where JSON wants them. */
  public static String quote(String text) {
    return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }
}
