package org.pygpt.vectors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.IntFunction;
import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.cpu.CpuNegativeSampling;
import org.pygpt.kernels.cpu.Team;
import org.pygpt.kernels.reference.PlainNegativeSampling;

/**
 * Mutable: word vectors while they are trained: an input and an output vector for each word.
 *
 * <p>The same text, options and first vectors give the same bits, whatever the number of threads.
 */
public final class WordVectorTraining implements AutoCloseable {
  /** Words, for each part, that are read at once; between these bounds as the text is long. */
  private static final int LEAST_WORDS = 1 << 10;

  private static final int MOST_WORDS = 1 << 13;
  private static final int READINGS = 64; // in a pass over a text of some hundred thousand words

  /** Multiply-adds from which on compiling the vector bodies pays. */
  private static final double VECTORS_FROM = 2e8;

  private final WordVectorConfig config;
  private final Sentences sentences;
  private final int words;
  private final NegativeSampling[] kernels;
  private final Learner learner;
  private final Team team;
  private volatile long done;

  /**
   * A training; its vectors are zero until {@link #write}.
   *
   * @param backend cpu: vectors, or loops with the same bits where there is little to do; plain:
   *     loops in double precision, the reference
   * @param ids of all words, each in [0, counts.length)
   * @param ends for each sentence, where in {@code ids} it ends, ascending
   * @param counts how often each word occurs, at least once
   * @throws IllegalArgumentException if there is no such backend, or there are more numbers than an
   *     array holds
   */
  public WordVectorTraining(
      WordVectorConfig config, String backend, int[] ids, int[] ends, long[] counts) {
    this.config = config;
    sentences = new Sentences(ids, ends);
    words = counts.length;
    kernels = new NegativeSampling[config.parts()];
    Arrays.setAll(kernels, kernels(backend));
    team = new Team(config.parts(), Math.min(config.threads(), config.parts()), () -> false);
    Vocabulary vocabulary = new Vocabulary(counts, config);
    learner = new Learner(new Setting(config, vocabulary, sentences, kernels, team));
  }

  private IntFunction<NegativeSampling> kernels(String backend) {
    switch (backend) {
      case "plain" -> {
        return part -> new PlainNegativeSampling(config.size(), words, part, config.parts());
      }
      case "cpu" -> {
        boolean vectors = work() >= VECTORS_FROM;
        if (vectors) {
          CpuNegativeSampling.warmUp();
        }
        int parts = config.parts();
        return part -> new CpuNegativeSampling(config.size(), words, vectors, part, parts);
      }
      default ->
          throw new IllegalArgumentException("backend: expected cpu or plain, got " + backend);
    }
  }

  /** About how many multiply-adds all of it takes. */
  private double work() {
    double targets = 3.0 * (1 + config.negative()) * (config.skipGram() ? config.window() : 1);
    return (double) config.epochs() * sentences.ids().length * targets * config.size();
  }

  /** Words of all passes over the text. */
  public long total() {
    return (long) config.epochs() * sentences.ids().length;
  }

  /** Words that were learned from so far; from any thread. */
  public long done() {
    return done;
  }

  /**
   * Goes through the text, pass after pass, with a learning rate that falls evenly.
   *
   * @param check called now and then; what it throws ends the training
   */
  public void run(Runnable check) {
    long place = 0;
    int words = Math.clamp(sentences.ids().length / READINGS, LEAST_WORDS, MOST_WORDS);
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      for (int first = 0; first < sentences.count(); ) {
        check.run();
        int last = sentences.after(first, words * config.parts());
        double share = (double) done / total();
        double rate = config.alpha() - (config.alpha() - config.minAlpha()) * share;
        learner.learn(first, last, place++, (float) rate);
        done += sentences.end(last - 1) - sentences.begin(first);
        first = last;
      }
    }
  }

  /** Copies vectors from addresses, each (words, size) of float32. */
  public void write(long inputsAddress, long outputsAddress) {
    for (NegativeSampling kernel : kernels) {
      copy(inputsAddress, kernel, kernel.inputs(), true);
      copy(outputsAddress, kernel, kernel.outputs(), true);
    }
  }

  /** Copies vectors to addresses, each (words, size) of float32. */
  public void read(long inputsAddress, long outputsAddress) {
    for (NegativeSampling kernel : kernels) {
      copy(inputsAddress, kernel, kernel.inputs(), false);
      copy(outputsAddress, kernel, kernel.outputs(), false);
    }
  }

  @SuppressWarnings("restricted") // the caller's memory
  private void copy(long address, NegativeSampling kernel, float[] rows, boolean toRows) {
    int n = kernel.end() - kernel.begin();
    long rowBytes = (long) config.size() * Float.BYTES;
    MemorySegment numbers = MemorySegment.ofAddress(address).reinterpret(words * rowBytes);
    for (int word = 0; word < words; word++) {
      int at = kernel.row(word);
      long from = word * rowBytes + (long) kernel.begin() * Float.BYTES;
      if (toRows) {
        MemorySegment.copy(numbers, ValueLayout.JAVA_FLOAT, from, rows, at, n);
      } else {
        MemorySegment.copy(rows, at, numbers, ValueLayout.JAVA_FLOAT, from, n);
      }
    }
  }

  @Override
  public void close() {
    team.close();
  }
}
