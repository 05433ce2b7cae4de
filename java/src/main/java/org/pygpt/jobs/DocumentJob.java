package org.pygpt.jobs;

import java.util.Arrays;
import org.pygpt.model.GPT;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/**
 * Mutable: trains on one document a step, document after document and round again, as microgpt
 * does.
 */
public final class DocumentJob extends Job {
  private final GPT model;
  private final int[] tokens;
  private final int[] starts;
  private final double[] rates;
  private final double[] losses;
  private volatile int completed;
  private volatile Training trainer;

  /**
   * Step s trains on document s mod n, cut to {@code block_size} predictions.
   *
   * @param tokens all documents, one after another, copied
   * @param starts n + 1 indices: document d is tokens[starts[d]] .. tokens[starts[d + 1] - 1], at
   *     least two of them
   * @param rates the learning rate of each step
   * @throws IllegalArgumentException if there is no document, or one is too short
   */
  public DocumentJob(GPT model, int[] tokens, int[] starts, double[] rates) {
    if (starts.length < 2 || starts[0] != 0 || starts[starts.length - 1] != tokens.length) {
      throw new IllegalArgumentException(
          "starts: expected 0, ..., " + tokens.length + ", got " + starts.length + " other ones");
    }
    for (int d = 0; d + 1 < starts.length; d++) {
      if (starts[d + 1] - starts[d] < 2) {
        throw new IllegalArgumentException(
            "document " + d + ": expected at least 2 tokens, got " + (starts[d + 1] - starts[d]));
      }
    }
    this.model = model;
    this.tokens = tokens.clone();
    this.starts = starts.clone();
    this.rates = rates.clone();
    this.losses = new double[rates.length];
  }

  @Override
  protected void run() {
    int blockSize = model.config().blockSize();
    int[] targets = new int[blockSize];
    int[] ids = new int[blockSize];
    try (Training trainer =
        new Training(model, 1, Math.min(blockSize, longest()), AdamW.MICROGPT)) {
      this.trainer = trainer;
      for (int step = 0; step < rates.length; step++) {
        throwIfCancelled();
        int document = step % (starts.length - 1);
        int T = Math.min(blockSize, starts[document + 1] - starts[document] - 1);
        System.arraycopy(tokens, starts[document], ids, 0, T);
        System.arraycopy(tokens, starts[document] + 1, targets, 0, T);
        trainer.setBatch(ids, targets, 1, T);
        losses[step] = trainer.backward(1, T);
        trainer.update(rates[step]);
        completed = step + 1;
      }
    } finally {
      trainer = null;
    }
  }

  private int longest() {
    int longest = 1;
    for (int d = 0; d + 1 < starts.length; d++) {
      longest = Math.max(longest, starts[d + 1] - starts[d] - 1);
    }
    return longest;
  }

  @Override
  protected void interrupt() {
    Training running = trainer;
    if (running != null) {
      running.cancel();
    }
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
