package org.pygpt.vectors;

import java.util.Arrays;
import org.pygpt.kernels.NegativeSampling.Batch;

/**
 * Mutable: learns from a text, whose steps are divided among the workers by columns.
 *
 * <p>All dot products of a batch are made from vectors as they are when it begins. In one turn each
 * worker moves its columns by the batch before, then makes its columns' part of this batch's dot
 * products; then the workers meet, and each sums the parts of all. So no number has two owners, and
 * the workers meet once in a batch.
 */
final class Learner {
  private final Setting setting;
  private final int parts;
  private final Reader[] readers;
  private final float[][][] dots; // (2, workers, targets): of every other batch

  Learner(Setting setting) {
    this.setting = setting;
    parts = setting.config().parts();
    readers = new Reader[parts];
    Arrays.setAll(readers, i -> new Reader(setting));
    dots = new float[2][parts][0];
  }

  /**
   * Learns from the sentences [first, last).
   *
   * @param place differs for each call of a run; with the seed it decides the random numbers
   */
  void learn(int first, int last, long place, float rate) {
    forAll(part -> read(part, first, last, place));
    makeRoom();
    Batch before = null;
    int turn = 0;
    for (Reader reader : readers) {
      Steps steps = reader.steps();
      for (int batch = 0; batch < steps.batches(); batch++) {
        Batch next = steps.batch(batch);
        turn(before, next, turn++ % 2, rate);
        before = next;
      }
    }
    turn(before, null, turn % 2, rate);
  }

  private void read(int part, int first, int last, long place) {
    Sentences sentences = setting.sentences();
    int from = sentences.cut(first, last, part, parts);
    int to = sentences.cut(first, last, part + 1, parts);
    readers[part].read(from, to, new Draws(setting.config().seed(), place, part));
  }

  private void makeRoom() {
    int most = 0;
    for (Reader reader : readers) {
      most = Math.max(most, reader.steps().mostTargets());
    }
    if (dots[0][0].length < most) {
      for (float[][] ofWorkers : dots) {
        for (int part = 0; part < parts; part++) {
          ofWorkers[part] = new float[most];
        }
      }
    }
  }

  /**
   * Moves by a batch, and looks at the next one; each may be missing.
   *
   * @param side which dot products are those of the next batch; the others are those of the batch
   *     before, which slower workers still read
   */
  private void turn(Batch before, Batch next, int side, float rate) {
    forAll(part -> {
      var kernel = setting.kernels()[part];
      if (before != null) {
        kernel.move(before, dots[1 - side], rate);
      }
      if (next != null) {
        kernel.look(next, dots[side][part]);
      }
    });
  }

  /** Has each worker do its part, and waits for all. */
  private void forAll(Part work) {
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
  private interface Part {
    void run(int part);
  }
}
