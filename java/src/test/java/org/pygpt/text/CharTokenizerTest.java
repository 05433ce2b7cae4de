package org.pygpt.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CharTokenizerTest {
  @Test
  void charactersAreInCodePointOrder() {
    CharTokenizer tokenizer = CharTokenizer.train(List.of("b\ud83d\udc04", "a\uff21b"));
    assertEquals("ab\uff21\ud83d\udc04", tokenizer.characters());
    assertEquals(4, tokenizer.bos());
    assertEquals(5, tokenizer.vocabSize());
    int[] ids = tokenizer.encodeDocument("b\ud83d\udc04");
    assertArrayEquals(new int[] {4, 1, 3, 4}, ids);
    assertEquals("b\ud83d\udc04", tokenizer.decode(Arrays.copyOfRange(ids, 1, 3)));
  }

  @Test
  void withoutBosThereAreNoDocuments() {
    CharTokenizer tokenizer = new CharTokenizer("abc", true);
    assertTrue(tokenizer.hasBos());
    CharTokenizer text = new CharTokenizer("abc", false);
    assertFalse(text.hasBos());
    assertEquals("abc", text.characters());
    assertEquals(3, text.vocabSize());
    assertEquals("cab", text.decode(new int[] {2, 0, 1}));
    var error = assertThrows(IllegalStateException.class, () -> text.encodeDocument("a"));
    assertEquals(
        "bos: expected a tokenizer with BOS for documents, got one without", error.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "ba", "aab", "\ud83d\udc04\uff21"})
  void refusesCharactersOutOfOrder(String characters) {
    assertThrows(IllegalArgumentException.class, () -> new CharTokenizer(characters, true));
  }

  @Test
  void refusesHalfACharacter() {
    var error =
        assertThrows(IllegalArgumentException.class, () -> new CharTokenizer("a\ud83d", true));
    assertEquals(
        "characters: expected whole characters, got half a surrogate pair", error.getMessage());
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    CharTokenizer tokenizer = new CharTokenizer("abc", true);
    var error = assertThrows(IllegalArgumentException.class, () -> tokenizer.encodeDocument("ad'"));
    assertEquals("text: expected known characters, got 'd'", error.getMessage());
    for (int id : new int[] {-1, 3}) {
      error = assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(new int[] {id}));
      assertEquals("ids: expected 0 to 2, got " + id, error.getMessage());
    }
  }
}
