package org.pygpt.names;

import java.io.PrintStream;
import java.util.Locale;

/** Mutable: shows a run while it trains: a plain line for each tenth of it. */
final class Progress {
  private static final int RECENT = 100; // the loss that is shown is the mean of this many

  private final int total;
  private final PrintStream stream;
  private final double[] recent = new double[RECENT]; // of step s at s mod RECENT
  private int step;
  private int tenths;
  private long began = System.nanoTime();

  /**
   * Nothing is shown yet.
   *
   * @param total steps there are
   */
  Progress(int total, PrintStream stream) {
    this.total = total;
    this.stream = stream;
  }

  /** Shows one line about the run. */
  void note(String text) {
    stream.println(text);
    stream.flush();
  }

  /** The training begins now: its time is counted from here. */
  void begin() {
    began = System.nanoTime();
  }

  /** Takes the losses of the next steps, and shows each tenth that they complete. */
  void update(double[] losses) {
    for (double loss : losses) {
      recent[step % RECENT] = loss;
      step++;
      if (10L * step / total > tenths) {
        tenths = (int) (10L * step / total);
        show();
      }
    }
  }

  private void show() {
    double seconds = Math.max((System.nanoTime() - began) * 1e-9, 1e-9);
    String width = "%" + Integer.toString(total).length();
    String format = "step " + width + "d/%d  loss %.4f  %,.0f names/s";
    note(String.format(Locale.ROOT, format, step, total, meanLoss(), step / seconds));
  }

  /** The mean of the newest losses, oldest first. */
  private double meanLoss() {
    int count = Math.min(step, RECENT);
    double sum = 0;
    for (int i = step - count; i < step; i++) {
      sum += recent[i % RECENT];
    }
    return sum / count;
  }
}
