package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Immutable, but for the words that it remembers: byte-level BPE by a list of merges. */
final class ByteMerges {
  private static final int LONG = 96; // chars: a longer word is not remembered
  private static final int KEPT = 1 << 16; // words that are remembered

  private final Map<String, Integer> vocabulary;
  private final int[] bytes = new int[256]; // the id of each byte, or -1
  private final Merges merges;
  private final boolean takesWords;
  private final Map<String, int[]> known = new ConcurrentHashMap<>();

  /**
   * The merges of a vocabulary.
   *
   * @param vocabulary token, as {@link ByteAlphabet} spells it -> id; shared
   * @param merges the halves of each; the first has precedence
   * @param takesWords whether a word that is a token is that token, whatever the merges
   * @throws IllegalArgumentException if the vocabulary lacks a token that is merged
   */
  ByteMerges(Map<String, Integer> vocabulary, List<String[]> merges, boolean takesWords) {
    this.vocabulary = vocabulary;
    this.takesWords = takesWords;
    Arrays.fill(bytes, -1);
    vocabulary.forEach((token, id) -> {
      byte[] one = token.length() == 1 ? ByteAlphabet.unspell(token) : null;
      if (one != null) {
        bytes[one[0] & 0xFF] = id;
      }
    });
    this.merges = new Merges(vocabulary, merges);
  }

  /** Whether each of the 256 bytes has an id. */
  boolean hasAllBytes() {
    return Arrays.stream(bytes).allMatch(id -> id >= 0);
  }

  /** The ids of a word, shared; bytes without an id are left out. */
  int[] encode(String word) {
    int[] ids = known.get(word);
    if (ids == null) {
      Integer whole = takesWords ? vocabulary.get(ByteAlphabet.spell(word)) : null;
      ids = whole == null ? merged(word) : new int[] {whole};
      if (word.length() <= LONG) {
        if (known.size() >= KEPT) {
          known.clear();
        }
        known.put(word, ids);
      }
    }
    return ids;
  }

  private int[] merged(String word) {
    byte[] utf8 = word.getBytes(UTF_8);
    int[] ids = new int[utf8.length];
    int count = 0;
    for (byte one : utf8) {
      ids[count] = bytes[one & 0xFF];
      count += ids[count] >= 0 ? 1 : 0;
    }
    return merges.merged(Arrays.copyOf(ids, count));
  }
}
