package org.pygpt.vectors;

/** Mutable: leaves frequent words out of a sentence now and then, and draws windows. */
final class Reader {
  private final Scheme.Setting setting;
  private int[] words = new int[1 << 10];

  Reader(Scheme.Setting setting) {
    this.setting = setting;
  }

  void read(int sentence, Draws draws, Scheme scheme, int part) {
    Sentences sentences = setting.sentences();
    int count = 0;
    int begin = sentences.begin(sentence);
    int end = sentences.end(sentence);
    if (words.length < end - begin) {
      words = new int[end - begin];
    }
    for (int i = begin; i < end; i++) {
      int word = sentences.ids()[i];
      if (setting.vocabulary().keeps(word, draws.bits())) {
        words[count++] = word;
      }
    }
    int window = setting.config().window();
    for (int at = 0; at < count; at++) {
      int reach = window - draws.below(window);
      int from = Math.max(0, at - reach);
      int to = Math.min(count, at + reach + 1);
      scheme.take(part, words, at, from, to, draws);
    }
  }
}
