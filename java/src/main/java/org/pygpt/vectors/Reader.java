package org.pygpt.vectors;

/**
 * Mutable: makes steps of sentences. It leaves frequent words out now and then, draws windows, and
 * draws the words that each word is told from.
 */
final class Reader {
  private final Setting setting;
  private final Steps steps;
  private int[] words = new int[1 << 10];
  private int[] reaches = new int[1 << 10];

  Reader(Setting setting) {
    this.setting = setting;
    steps = new Steps(setting.vocabulary().size());
  }

  /** What was read last; shared. */
  Steps steps() {
    return steps;
  }

  /** Reads the sentences [first, last), in place of what was read before. */
  void read(int first, int last, Draws draws) {
    steps.clear();
    for (int sentence = first; sentence < last; sentence++) {
      int count = keep(sentence, draws);
      if (setting.config().skipGram()) {
        skipGram(count, draws);
      } else {
        cbow(count, draws);
      }
    }
    steps.endBatch();
  }

  /** Takes the words of a sentence that are not left out, and how far each one's window reaches. */
  private int keep(int sentence, Draws draws) {
    Sentences sentences = setting.sentences();
    int begin = sentences.begin(sentence);
    int end = sentences.end(sentence);
    if (words.length < end - begin) {
      words = new int[end - begin];
      reaches = new int[end - begin];
    }
    int count = 0;
    for (int i = begin; i < end; i++) {
      int word = sentences.ids()[i];
      words[count] = word;
      count += setting.vocabulary().keeps(word, draws.bits()) ? 1 : 0;
    }
    int window = setting.config().window();
    for (int i = 0; i < count; i++) {
      reaches[i] = window - draws.below(window);
    }
    return count;
  }

  /** The mean of a word's neighbours is the input, and the word its target. */
  private void cbow(int count, Draws draws) {
    for (int at = 0; at < count; at++) {
      int to = Math.min(count, at + reaches[at] + 1);
      for (int i = Math.max(0, at - reaches[at]); i < to; i++) {
        if (i != at) {
          steps.addInput(words[i]);
        }
      }
      addTargets(words[at], draws);
      steps.end();
    }
  }

  /** Each neighbour of a word is an input: here those whose neighbour it is are its targets. */
  private void skipGram(int count, Draws draws) {
    int window = setting.config().window();
    for (int at = 0; at < count; at++) {
      steps.addInput(words[at]);
      int to = Math.min(count, at + window + 1);
      for (int i = Math.max(0, at - window); i < to; i++) {
        if (i != at && Math.abs(i - at) <= reaches[i]) {
          addTargets(words[i], draws);
        }
      }
      steps.end();
    }
  }

  /** Adds a word that was there, and those drawn words that are others. */
  private void addTargets(int word, Draws draws) {
    steps.addTarget(word, true);
    for (int i = 0; i < setting.config().negative(); i++) {
      int other = setting.vocabulary().other(draws.bits());
      if (other != word) {
        steps.addTarget(other, false);
      }
    }
  }
}
