package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Immutable, but for the words that it remembers: byte-level BPE by a list of merges.
 *
 * <p>Of the merges that neighbours allow, the one that comes first in the list is done, at its
 * leftmost place, again and again.
 */
final class ByteMerges {
  private static final int LONG = 96; // chars: a longer word is not remembered
  private static final int KEPT = 1 << 16; // words that are remembered

  private final Map<String, Integer> vocabulary;
  private final int[] bytes = new int[256]; // the id of each byte, or -1
  private final Map<Long, Long> merges = new HashMap<>(); // pair of ids -> rank and new id
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
    for (int rank = 0; rank < merges.size(); rank++) {
      String[] pair = merges.get(rank);
      int left = id(rank, pair[0]);
      int right = id(rank, pair[1]);
      this.merges.put(join(left, right), join(rank, id(rank, pair[0] + pair[1])));
    }
  }

  private int id(int rank, String token) {
    Integer id = vocabulary.get(token);
    if (id == null) {
      throw new IllegalArgumentException(
          "model.merges: "
              + rank
              + ": expected tokens of the vocabulary, got "
              + Json.quote(token));
    }
    return id;
  }

  private static long join(int high, int low) {
    return (long) high << 32 | low;
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
    int[] after = new int[count]; // the neighbours of those that are left
    int[] before = new int[count];
    PriorityQueue<Long> queue = new PriorityQueue<>(); // rank and place of the left half
    for (int i = 0; i < count; i++) {
      after[i] = i + 1;
      before[i] = i - 1;
      offer(queue, ids, i, i + 1 < count ? i + 1 : -1);
    }
    while (!queue.isEmpty()) {
      long first = queue.poll();
      int i = (int) first;
      int j = ids[i] < 0 || after[i] >= count ? -1 : after[i];
      Long merge = j < 0 ? null : merges.get(join(ids[i], ids[j]));
      if (merge == null || merge >> 32 != first >> 32) {
        continue; // one of the two has become part of another token
      }
      ids[i] = merge.intValue();
      ids[j] = -1;
      after[i] = after[j];
      if (after[i] < count) {
        before[after[i]] = i;
        offer(queue, ids, i, after[i]);
      }
      if (before[i] >= 0) {
        offer(queue, ids, before[i], i);
      }
    }
    return Arrays.stream(ids, 0, count).filter(id -> id >= 0).toArray();
  }

  private void offer(PriorityQueue<Long> queue, int[] ids, int left, int right) {
    Long merge = right < 0 ? null : merges.get(join(ids[left], ids[right]));
    if (merge != null) {
      queue.add((merge >> 32 << 32) | left);
    }
  }
}
