package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Immutable: a vocabulary, and the way from text to its ids and back; Python's tokenizers give the
 * same ids.
 *
 * <p>{@code decode(encode(text))} is the text for every one that {@code encode} takes, unless the
 * tokenizer has a normalizer, which changes it.
 */
public interface Tokenizer {
  /** Number of ids: each is in [0, V), and a model needs a row for each. */
  int vocabSize();

  /** The id that begins a text: BOS, or EOS where there is only that. */
  OptionalInt begin();

  /** The id that ends a text: EOS, or BOS where there is only that. */
  OptionalInt end();

  /** The ids that a prompt of text begins with, beside its own; none for most. */
  default int[] prefix() {
    return new int[0];
  }

  /** The ids below {@link #vocabSize} that stand for nothing. */
  default int[] unused() {
    return new int[0];
  }

  /**
   * SHA-256, in hex, of what decides the ids, the same that Python's tokenizer has: equal for equal
   * tokenizers, and only then; empty for a kind of others' files of which it is not known here.
   */
  default Optional<String> fingerprint() {
    return Optional.empty();
  }

  /** A tokenizer.json of it, as Python writes it; empty where {@link #fingerprint} is. */
  default Optional<String> json() {
    return Optional.empty();
  }

  /** Special token -> id: texts that stand for something else, such as BOS. */
  Map<String, Integer> specials();

  /**
   * The ids of a text.
   *
   * @param specials whether special tokens in the text count as such; if not, they are text like
   *     any other
   * @throws IllegalArgumentException for a character without an id, or half a surrogate pair
   */
  int[] encode(String text, boolean specials);

  /** The ids of a text in which special tokens are text like any other; see the other method. */
  default int[] encode(String text) {
    return encode(text, false);
  }

  /**
   * The text of these ids as UTF-8, which may end within a character.
   *
   * @throws IllegalArgumentException for an id that the vocabulary lacks
   */
  byte[] decodeBytes(int... ids);

  /** How many blanks {@link #decode} leaves out at the beginning of a text. */
  default int strips() {
    return 0;
  }

  /** The text of these ids; what is not UTF-8, such as half a character, is U+FFFD. */
  default String decode(int... ids) {
    String text = new String(decodeBytes(ids), UTF_8);
    int from = 0;
    while (from < strips() && text.startsWith(" ", from)) {
      from++;
    }
    return text.substring(from);
  }
}
