package org.pygpt.vectors;

/**
 * Immutable: a text as the numbers of its words.
 *
 * @param ids of all words, one sentence after another
 * @param ends for each sentence, the index in {@code ids} after its last word
 */
record Sentences(int[] ids, int[] ends) {
  int count() {
    return ends.length;
  }

  int begin(int sentence) {
    return sentence == 0 ? 0 : ends[sentence - 1];
  }

  int end(int sentence) {
    return ends[sentence];
  }

  /** The sentence after {@code first} with which at least so many words are reached. */
  int after(int first, int words) {
    int last = first + 1;
    while (last < count() && ends[last - 1] - begin(first) < words) {
      last++;
    }
    return last;
  }

  /** Where part {@code index} of about equal parts of the sentences [first, last) begins. */
  int cut(int first, int last, int index, int parts) {
    if (index == parts) {
      return last;
    }
    long begin = begin(first);
    long bound = begin + (ends[last - 1] - begin) * index / parts;
    int sentence = first;
    while (sentence < last && begin(sentence) < bound) {
      sentence++;
    }
    return sentence;
  }
}
