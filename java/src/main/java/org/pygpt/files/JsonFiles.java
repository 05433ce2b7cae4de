package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.pygpt.text.Json;

/** Files that hold one JSON object. */
final class JsonFiles {
  private JsonFiles() {}

  /**
   * The members of a file's object, in its order.
   *
   * @throws IllegalArgumentException if it is no UTF-8, or no object; the message says where
   */
  static Map<String, Object> read(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    try {
      return Json.parseObject(UTF_8.newDecoder().decode(bytes).toString());
    } catch (CharacterCodingException error) {
      throw new IllegalArgumentException(
          "expected UTF-8, got another byte at offset " + bytes.position());
    }
  }
}
