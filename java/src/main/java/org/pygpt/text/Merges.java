package org.pygpt.text;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Immutable: the merges of a BPE. Of those that neighbours allow, the one that comes first in the
 * list is done, at its leftmost place, again and again.
 */
final class Merges {
  private final Map<Long, Long> merges = new HashMap<>(); // pair of ids -> rank and new id

  /**
   * The merges of a vocabulary.
   *
   * @param vocabulary token -> id
   * @param merges the halves of each; the first has precedence
   * @throws IllegalArgumentException if the vocabulary lacks a token that is merged
   */
  Merges(Map<String, Integer> vocabulary, List<String[]> merges) {
    for (int rank = 0; rank < merges.size(); rank++) {
      String[] pair = merges.get(rank);
      int left = id(vocabulary, rank, pair[0]);
      int right = id(vocabulary, rank, pair[1]);
      int both = id(vocabulary, rank, pair[0] + pair[1]);
      this.merges.put(join(left, right), join(rank, both));
    }
  }

  private static int id(Map<String, Integer> vocabulary, int rank, String token) {
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

  /** What becomes of the ids of a word, which are written to. */
  int[] merged(int[] ids) {
    int count = ids.length;
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
    return Arrays.stream(ids).filter(id -> id >= 0).toArray();
  }

  private void offer(PriorityQueue<Long> queue, int[] ids, int left, int right) {
    Long merge = right < 0 ? null : merges.get(join(ids[left], ids[right]));
    if (merge != null) {
      queue.add((merge >> 32 << 32) | left);
    }
  }
}
