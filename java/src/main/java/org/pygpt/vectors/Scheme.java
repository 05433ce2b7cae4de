package org.pygpt.vectors;

import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.cpu.Team;

/** Mutable: how the workers divide the steps of some sentences among them. */
abstract class Scheme {
  /** What all workers share; rows of both matrices are as wide as the kernels say. */
  record Setting(
      WordVectorConfig config,
      Vocabulary vocabulary,
      Sentences sentences,
      float[] inputs,
      float[] outputs,
      NegativeSampling[] kernels,
      Team team) {}

  /** As many as an array holds beside what comes before the first row. */
  static final int MOST_NUMBERS = Integer.MAX_VALUE - 64;

  final Setting setting;
  final int parts;
  final int width;
  private final Reader[] readers;
  private int first;
  private int last;
  private long place;

  Scheme(Setting setting) {
    this.setting = setting;
    parts = setting.config().parts();
    width = setting.kernels()[0].width();
    readers = new Reader[parts];
    for (int part = 0; part < parts; part++) {
      readers[part] = new Reader(setting);
    }
  }

  /**
   * Learns from the sentences [first, last).
   *
   * @param place differs for each call of a run; with the seed it decides the random numbers
   */
  final void learn(int first, int last, long place, float rate) {
    this.first = first;
    this.last = last;
    this.place = place;
    forAll(this::read);
    update(rate);
  }

  private void read(int part) {
    Sentences sentences = setting.sentences();
    Draws draws = new Draws(setting.config().seed(), place, part);
    begin(part);
    int from = sentences.cut(first, last, part, parts);
    int to = sentences.cut(first, last, part + 1, parts);
    for (int sentence = from; sentence < to; sentence++) {
      readers[part].read(sentence, draws, this, part);
    }
  }

  /** Forgets what was read for a part. */
  abstract void begin(int part);

  /**
   * Takes a word and its neighbours.
   *
   * @param words of a sentence, those that were kept
   * @param from,to the window in {@code words}, in which {@code at} is the word itself
   */
  abstract void take(int part, int[] words, int at, int from, int to, Draws draws);

  /** Does the steps that were read. */
  abstract void update(float rate);

  /** Has each worker do its part, and waits for all. */
  final void forAll(Part work) {
    setting
        .team()
        .run(
            (worker, from, to) -> {
              for (int part = from; part < to; part++) {
                work.run(part);
              }
            },
            parts,
            1);
  }

  /** What a worker does. */
  @FunctionalInterface
  interface Part {
    void run(int part);
  }

  /**
   * Adds a step to the queues of the parts that its targets belong to: {@code head}, the number of
   * targets, and these.
   *
   * @param targets a word and others, of which those that are the word are left out
   */
  final void enqueue(Ints[] queues, int head, int[] targets) {
    Vocabulary vocabulary = setting.vocabulary();
    for (Ints queue : queues) {
      queue.begin(head);
    }
    int there = targets[0];
    queues[vocabulary.part(there)].add(2 * there + 1);
    for (int i = 1; i < targets.length; i++) {
      int word = targets[i];
      if (word != there) {
        queues[vocabulary.part(word)].add(2 * word);
      }
    }
    for (Ints queue : queues) {
      queue.end();
    }
  }

  /** Draws the words that the first of {@code targets} is told from. */
  final void drawOthers(int[] targets, Draws draws) {
    for (int i = 1; i < targets.length; i++) {
      targets[i] = setting.vocabulary().other(draws.bits());
    }
  }
}
