package org.pygpt.jobs;

import java.util.Arrays;
import org.pygpt.train.Training;

/**
 * Mutable: many steps of a training, batch after batch and round again; for models so small that
 * one call a step would cost more than the step.
 */
public final class StepsJob extends Job {
  private final Training training;
  private final int[] ids;
  private final int[] targets;
  private final int[] sizes;
  private final double[] learningRates;
  private final double[] losses;
  private volatile int completed;

  /**
   * Step s trains on batch s mod n.
   *
   * @param ids of all batches, one after another, copied
   * @param targets likewise; a negative one is not scored
   * @param sizes B and T of each batch: 2n numbers, copied
   * @param learningRates one a step, copied
   * @throws IllegalArgumentException if there is no batch, or ids or targets are not as many as the
   *     sizes say
   */
  public StepsJob(
      Training training, int[] ids, int[] targets, int[] sizes, double[] learningRates) {
    long expected = 0;
    for (int i = 0; i + 1 < sizes.length; i += 2) {
      expected += (long) sizes[i] * sizes[i + 1];
    }
    boolean fits = ids.length == expected && targets.length == expected;
    if (sizes.length < 2 || sizes.length % 2 == 1 || !fits) {
      throw new IllegalArgumentException(
          String.format(
              "batches: expected B and T of one or more, and %d ids and targets, got %d sizes, %d "
                  + "ids and %d targets",
              expected, sizes.length, ids.length, targets.length));
    }
    this.training = training;
    this.ids = ids.clone();
    this.targets = targets.clone();
    this.sizes = sizes.clone();
    this.learningRates = learningRates.clone();
    this.losses = new double[learningRates.length];
  }

  @Override
  protected void run() {
    try (var _ = training.turn()) {
      training.resetCancel();
      int start = 0;
      for (int step = 0; step < learningRates.length; step++) {
        throwIfCancelled(); // also a cancel that came before the reset
        int batch = step % (sizes.length / 2);
        start = batch == 0 ? 0 : start;
        int B = sizes[2 * batch];
        int T = sizes[2 * batch + 1];
        int end = start + B * T;
        int[] batchIds = Arrays.copyOfRange(ids, start, end);
        int[] batchTargets = Arrays.copyOfRange(targets, start, end);
        training.setBatch(batchIds, batchTargets, B, T);
        losses[step] = training.backward(B, T);
        training.update(learningRates[step]);
        completed = step + 1;
        start = end;
      }
    }
  }

  @Override
  protected void interrupt() {
    training.cancel();
  }

  /** Steps done so far. */
  public int completed() {
    return completed;
  }

  /** The losses in nats of steps [from, to), to at most {@link #completed}; copied. */
  public double[] losses(int from, int to) {
    return Arrays.copyOfRange(losses, from, Math.min(to, completed));
  }
}
