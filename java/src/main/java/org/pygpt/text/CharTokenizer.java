package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Immutable: one id for each character, in code point order, then one for BOS.
 *
 * <p>BOS begins a document and also ends it; without it there are no documents. A character is a
 * Unicode code point, as in Python, so one that takes two Java chars has one id.
 */
public final class CharTokenizer implements Tokenizer {
  private static final String BOS = "<|bos|>"; // BOS as text, where special tokens count

  private final int[] characters; // the index of each is its id
  private final boolean hasBos;

  /**
   * The tokenizer of these characters, with or without BOS.
   *
   * @param text all different, in code point order
   * @throws IllegalArgumentException if they are not, or one is half a surrogate pair
   */
  public CharTokenizer(String text, boolean hasBos) {
    characters = text.codePoints().toArray();
    this.hasBos = hasBos;
    if (characters.length == 0) {
      throw new IllegalArgumentException("characters: expected at least one, got none");
    }
    int last = -1;
    for (int character : characters) {
      if (character <= last) {
        throw new IllegalArgumentException(
            "characters: expected different ones in code point order");
      }
      if (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE) {
        throw new IllegalArgumentException(
            "characters: expected whole characters, got half a surrogate pair");
      }
      last = character;
    }
  }

  /** The tokenizer of the characters that occur in the documents, with BOS. */
  public static CharTokenizer train(List<String> documents) {
    BitSet seen = new BitSet();
    documents.forEach(document -> document.codePoints().forEach(seen::set));
    return new CharTokenizer(text(seen.stream().toArray()), true);
  }

  /** The characters, in the order of their ids. */
  public String characters() {
    return text(characters);
  }

  private static String text(int[] characters) {
    return new String(characters, 0, characters.length);
  }

  /** Whether there is an id that begins and ends a document. */
  public boolean hasBos() {
    return hasBos;
  }

  /**
   * The id that begins and ends a document.
   *
   * @throws IllegalStateException if there is none
   */
  public int bos() {
    if (!hasBos) {
      throw new IllegalStateException(
          "bos: expected a tokenizer with BOS for documents, got one without");
    }
    return characters.length;
  }

  /** Number of ids: one a character, and BOS. */
  @Override
  public int vocabSize() {
    return characters.length + (hasBos ? 1 : 0);
  }

  @Override
  public OptionalInt begin() {
    return hasBos ? OptionalInt.of(bos()) : OptionalInt.empty();
  }

  @Override
  public OptionalInt end() {
    return begin();
  }

  @Override
  public Map<String, Integer> specials() {
    return hasBos ? Map.of(BOS, bos()) : Map.of();
  }

  @Override
  public Optional<String> fingerprint() {
    return Optional.of(PythonJson.fingerprint(Arrays.asList("char", characters(), hasBos)));
  }

  @Override
  public Optional<String> json() {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (int i = 0; i < characters.length; i++) {
      vocabulary.put(Character.toString(characters[i]), i);
    }
    return Optional.of(
        TokenizerJson.write(
            vocabulary, List.of(), specials(), null, Map.of("type", "Fuse"), fingerprint().get()));
  }

  @Override
  public int[] encode(String text, boolean specials) {
    if (!specials || !hasBos || !text.contains(BOS)) {
      return text.codePoints().map(this::id).toArray();
    }
    int at = text.indexOf(BOS);
    int[] before = encode(text.substring(0, at));
    int[] after = encode(text.substring(at + BOS.length()), true);
    int[] ids = Arrays.copyOf(before, before.length + 1 + after.length);
    ids[before.length] = bos();
    System.arraycopy(after, 0, ids, before.length + 1, after.length);
    return ids;
  }

  private int id(int character) {
    int id = Arrays.binarySearch(characters, character);
    if (id < 0) {
      throw new TextException(
          "text: expected known characters, got '" + Character.toString(character) + "'");
    }
    return id;
  }

  /**
   * BOS, the ids of the characters, BOS.
   *
   * @throws IllegalArgumentException if the vocabulary lacks a character
   * @throws IllegalStateException if there is no BOS
   */
  public int[] encodeDocument(String text) {
    int[] inside = encode(text);
    int[] ids = new int[inside.length + 2];
    System.arraycopy(inside, 0, ids, 1, inside.length);
    ids[0] = bos();
    ids[inside.length + 1] = bos();
    return ids;
  }

  /**
   * The text of these ids.
   *
   * @throws IllegalArgumentException if an id is no character's; BOS is none
   */
  @Override
  public String decode(int... ids) {
    for (int id : ids) {
      if (id < 0 || id >= characters.length) {
        throw new TextException("ids: expected 0 to " + (characters.length - 1) + ", got " + id);
      }
    }
    return text(Arrays.stream(ids).map(id -> characters[id]).toArray());
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    return decode(ids).getBytes(UTF_8);
  }

  @Override
  public String toString() {
    return "characters, " + vocabSize() + " ids";
  }
}
