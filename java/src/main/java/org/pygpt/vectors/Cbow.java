package org.pygpt.vectors;

import java.util.Arrays;
import org.pygpt.kernels.NegativeSampling;

/**
 * Mutable: CBOW, in which the mean of a word's neighbours is the input and the word its target.
 *
 * <p>The mean takes rows of all parts, so that steps cannot be divided by their inputs. They are
 * done some hundred words at a time: each worker makes its columns of the means, then does the
 * steps of its part of the outputs, one after another, and then adds what all have found to its
 * columns of the inputs, which meanwhile are as they were. As in word2vec.c the gradient of a mean
 * goes to each of its words undivided.
 */
final class Cbow extends Scheme {
  /**
   * Words of a reader whose means are made at once: more, so that workers meet less often, and not
   * so many that rows of the vectors leave a core's cache for means and gradients.
   */
  private static final int BATCH = 256;

  private final Read[] read;
  private final float[] means; // (parts * BATCH, width)
  private final float[][] gradients; // of each part of the outputs, likewise

  /** Mutable: what one reader has read. */
  private static final class Read {
    private final Ints[] queues; // by the part of the outputs
    private final Ints[] queueMarks; // where in them each batch begins
    private final Ints neighbours = new Ints(); // for each word their number, then they
    private final Ints marks = new Ints(); // where among these each batch begins
    private final int[] targets;
    private int count;

    Read(int parts, int targets) {
      queues = new Ints[parts];
      queueMarks = new Ints[parts];
      Arrays.setAll(queues, i -> new Ints());
      Arrays.setAll(queueMarks, i -> new Ints());
      this.targets = new int[targets];
    }

    void clear() {
      for (int part = 0; part < queues.length; part++) {
        queues[part].clear();
        queueMarks[part].clear();
      }
      neighbours.clear();
      marks.clear();
      count = 0;
    }

    int batches() {
      return marks.size();
    }

    /** Where in a list, which has marks, a batch begins; the end of all for the batch after. */
    static int begin(Ints list, Ints marks, int batch) {
      return batch < marks.size() ? marks.values()[batch] : list.size();
    }
  }

  Cbow(Setting setting) {
    super(setting);
    read = new Read[parts];
    Arrays.setAll(read, i -> new Read(parts, 1 + setting.config().negative()));
    if ((long) parts * BATCH * width > MOST_NUMBERS) {
      throw new IllegalArgumentException(
          "vectors: expected at most %,d numbers, got %,d, for %d workers"
              .formatted(MOST_NUMBERS / BATCH / parts, width, parts));
    }
    means = new float[setting.kernels()[0].row(parts * BATCH)];
    gradients = new float[parts][means.length];
  }

  @Override
  void begin(int part) {
    read[part].clear();
  }

  @Override
  void take(int part, int[] words, int at, int from, int to, Draws draws) {
    if (to - from < 2) {
      return; // a word alone
    }
    Read into = read[part];
    if (into.count % BATCH == 0) {
      into.marks.add(into.neighbours.size());
      for (int other = 0; other < parts; other++) {
        into.queueMarks[other].add(into.queues[other].size());
      }
    }
    into.neighbours.add(to - from - 1);
    for (int i = from; i < to; i++) {
      if (i != at) {
        into.neighbours.add(words[i]);
      }
    }
    into.targets[0] = words[at];
    drawOthers(into.targets, draws);
    enqueue(into.queues, part * BATCH + into.count++ % BATCH, into.targets);
  }

  @Override
  void update(float rate) {
    int batches = 0;
    for (Read one : read) {
      batches = Math.max(batches, one.batches());
    }
    for (int batch = 0; batch <= batches; batch++) {
      int current = batch;
      forAll(worker -> moveInputs(worker, current)); // of the batch before, and the means of this
      if (batch < batches) {
        forAll(worker -> moveOutputs(worker, current, rate));
      }
    }
  }

  /** Adds a batch's gradients to its inputs, then makes the next one's means; in some columns. */
  private void moveInputs(int worker, int batch) {
    NegativeSampling kernel = setting.kernels()[worker];
    int from = kernel.column(worker, parts);
    int n = kernel.column(worker + 1, parts) - from;
    if (n == 0) {
      return;
    }
    for (int reader = 0; reader < parts; reader++) {
      if (batch > 0) {
        addGradients(kernel, reader, batch - 1, from, n);
      }
    }
    for (int reader = 0; reader < parts; reader++) {
      makeMeans(kernel, reader, batch, from, n);
    }
  }

  private void addGradients(NegativeSampling kernel, int reader, int batch, int column, int n) {
    Read one = read[reader];
    int[] words = one.neighbours.values();
    int at = Read.begin(one.neighbours, one.marks, batch);
    int end = Read.begin(one.neighbours, one.marks, batch + 1);
    for (int row = kernel.row(reader * BATCH) + column; at < end; row += width) {
      for (int part = 1; part < parts; part++) {
        kernel.add(gradients[part], row, gradients[0], row, n);
      }
      int first = at + 1;
      at = first + words[at];
      kernel.addToAll(gradients[0], row, setting.inputs(), words, first, at, column, n);
    }
  }

  private void makeMeans(NegativeSampling kernel, int reader, int batch, int column, int n) {
    Read one = read[reader];
    int[] words = one.neighbours.values();
    int at = Read.begin(one.neighbours, one.marks, batch);
    int end = Read.begin(one.neighbours, one.marks, batch + 1);
    for (int row = kernel.row(reader * BATCH) + column; at < end; row += width) {
      int first = at + 1;
      at = first + words[at];
      kernel.mean(setting.inputs(), words, first, at, column, means, row, n);
    }
  }

  /** The steps of a batch on the outputs of a worker's part. */
  private void moveOutputs(int worker, int batch, float rate) {
    NegativeSampling kernel = setting.kernels()[worker];
    float[] gradient = gradients[worker];
    for (int reader = 0; reader < parts; reader++) {
      Read one = read[reader];
      int next = kernel.row(reader * BATCH); // of a word that has had no step yet
      int[] steps = one.queues[worker].values();
      int at = Read.begin(one.queues[worker], one.queueMarks[worker], batch);
      int end = Read.begin(one.queues[worker], one.queueMarks[worker], batch + 1);
      while (at < end) {
        int row = kernel.row(steps[at]);
        int from = at + 2;
        at = from + steps[at + 1];
        Arrays.fill(gradient, next, row, 0); // some words have no step here
        kernel.step(means, row, setting.outputs(), steps, from, at, rate, gradient, row);
        next = row + width;
      }
      Arrays.fill(gradient, next, kernel.row((reader + 1) * BATCH), 0);
    }
  }
}
