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
  /**
   * Words, for each part, after which the workers meet; between these bounds as the text is long.
   */
  private static final int LEAST_WORDS = 1 << 10;

  private static final int MOST_WORDS = 1 << 13;
  private static final int MEETINGS = 64; // in a pass over a text of some hundred thousand words

  /** Multiply-adds from which on compiling the vector bodies pays. */
  private static final double VECTORS_FROM = 2e8;

  private final WordVectorConfig config;
  private final Sentences sentences;
  private final int words;
  private final NegativeSampling rows; // says where they are
  private final float[] inputs;
  private final float[] outputs;
  private final Scheme scheme;
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
    NegativeSampling[] kernels = new NegativeSampling[config.parts()];
    Arrays.setAll(kernels, kernels(backend));
    rows = kernels[0];
    if ((long) words * rows.width() > Scheme.MOST_NUMBERS) {
      throw new IllegalArgumentException(
          "vectors: expected at most %,d numbers in all, got %,d words of %,d"
              .formatted(Scheme.MOST_NUMBERS, words, rows.width()));
    }
    inputs = new float[rows.row(words)];
    outputs = new float[rows.row(words)];
    team = new Team(config.parts(), Math.min(config.threads(), config.parts()), () -> false);
    Scheme.Setting setting =
        new Scheme.Setting(
            config, new Vocabulary(counts, config), sentences, inputs, outputs, kernels, team);
    scheme = config.skipGram() ? new SkipGram(setting) : new Cbow(setting);
  }

  private IntFunction<NegativeSampling> kernels(String backend) {
    switch (backend) {
      case "plain" -> {
        return part -> new PlainNegativeSampling(config.size());
      }
      case "cpu" -> {
        boolean vectors = work() >= VECTORS_FROM;
        if (vectors) {
          CpuNegativeSampling.warmUp();
        }
        return part -> new CpuNegativeSampling(config.size(), vectors, CpuNegativeSampling.ALIGNED);
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
    int words = Math.clamp(sentences.ids().length / MEETINGS, LEAST_WORDS, MOST_WORDS);
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      for (int first = 0; first < sentences.count(); ) {
        check.run();
        int last = sentences.after(first, words * config.parts());
        double share = (double) done / total();
        double rate = config.alpha() - (config.alpha() - config.minAlpha()) * share;
        scheme.learn(first, last, place++, (float) rate);
        done += sentences.end(last - 1) - sentences.begin(first);
        first = last;
      }
    }
  }

  /** Copies vectors from addresses, each (words, size) of float32. */
  public void write(long inputsAddress, long outputsAddress) {
    copy(inputsAddress, inputs, true);
    copy(outputsAddress, outputs, true);
  }

  /** Copies vectors to addresses, each (words, size) of float32. */
  public void read(long inputsAddress, long outputsAddress) {
    copy(inputsAddress, inputs, false);
    copy(outputsAddress, outputs, false);
  }

  @SuppressWarnings("restricted") // the caller's memory
  private void copy(long address, float[] vectors, boolean toRows) {
    int size = config.size();
    long rowBytes = (long) size * Float.BYTES;
    MemorySegment numbers = MemorySegment.ofAddress(address).reinterpret(words * rowBytes);
    for (int word = 0; word < words; word++) {
      int at = rows.row(word);
      if (toRows) {
        MemorySegment.copy(numbers, ValueLayout.JAVA_FLOAT, word * rowBytes, vectors, at, size);
      } else {
        MemorySegment.copy(vectors, at, numbers, ValueLayout.JAVA_FLOAT, word * rowBytes, size);
      }
    }
  }

  @Override
  public void close() {
    team.close();
  }
}
