package org.pygpt.jobs;

import java.util.Arrays;
import org.pygpt.network.Network;

/** Mutable: the training of a network on examples. */
public final class FitJob extends Job {
  private final Network network;
  private final double[] x;
  private final double[] y;
  private final int epochs;
  private final int batchSize;
  private final double[] losses;
  private volatile int completed;

  /**
   * A training; see {@link Network#fit(double[], double[], int, int, Network.Listener)}.
   *
   * @param steps of all epochs
   */
  public FitJob(Network network, double[] x, double[] y, int epochs, int batchSize, int steps) {
    this.network = network;
    this.x = x;
    this.y = y;
    this.epochs = epochs;
    this.batchSize = batchSize;
    losses = new double[steps];
  }

  @Override
  protected void run() {
    network.fit(
        x,
        y,
        epochs,
        batchSize,
        (step, loss) -> {
          losses[step] = loss;
          completed = step + 1;
          throwIfCancelled();
        });
  }

  /** The loss before each of the steps so far; copied. */
  public double[] losses() {
    return Arrays.copyOf(losses, completed);
  }
}
