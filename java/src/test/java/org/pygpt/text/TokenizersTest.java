package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;

/** Byte pairs against tiktoken's ids and Python's, on texts of many scripts. */
class TokenizersTest {
  private static Tokenizer huggingFaces() throws Exception {
    String text = Files.readString(Path.of("tests", "golden", "hugging_face.json"));
    return TokenizerJson.read(Json.parseObject(text), ids -> Map.of());
  }

  private static void check(Tokenizer tokenizer, String name) throws Exception {
    JsonNode golden = Golden.json("java_tokenizers.json");
    List<String> texts = Golden.texts(golden.get("texts"));
    for (int i = 0; i < texts.size(); i++) {
      int[] ids = Golden.ints(golden.get(name).get(i));
      assertArrayEquals(ids, tokenizer.encode(texts.get(i)), texts.get(i));
      assertEquals(texts.get(i), tokenizer.decode(ids));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "cl100k_base", "o200k_base"})
  void publishedIdsAreThoseOfTiktoken(String name) throws Exception {
    check(PublishedTokenizer.named(name), name);
  }

  @Test
  void idsOfAFileAreThoseOfPython() throws Exception {
    check(huggingFaces(), "hugging_face");
  }

  @Test
  void specialTokensCountWhereTheyAreWanted() {
    Tokenizer gpt2 = PublishedTokenizer.named("gpt2");
    assertArrayEquals(new int[] {64, 50256}, gpt2.encode("a<|endoftext|>", true));
    assertEquals("a<|endoftext|>", gpt2.decode(gpt2.encode("a<|endoftext|>")));
    assertEquals("a<|endoftext|>", gpt2.decode(64, 50256));
    assertEquals(OptionalInt.of(50256), gpt2.end());
    assertEquals(50257, gpt2.vocabSize());
  }

  @Test
  void halfACharacterIsASignOfItsOwn() throws Exception {
    Tokenizer tokenizer = huggingFaces();
    int[] ids = tokenizer.encode("\u00e9");
    assertEquals("\ufffd", tokenizer.decode(ids[0]));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(tokenizer.vocabSize()));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.encode("a\ud83d"));
  }

  @Test
  void theNamesOfThePublished() {
    assertEquals(List.of("cl100k_base", "gpt2", "o200k_base"), PublishedTokenizer.names());
    var error =
        assertThrows(IllegalArgumentException.class, () -> PublishedTokenizer.named("gpt5"));
    assertEquals(
        "tokenizer: expected one of cl100k_base, gpt2, o200k_base, got gpt5", error.getMessage());
  }
}
