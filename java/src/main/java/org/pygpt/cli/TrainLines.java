package org.pygpt.cli;

import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.pygpt.Trainer;
import org.pygpt.TrainingListener;
import org.pygpt.runs.Metrics;

/** Mutable: a line for each evaluation and each tenth of a run; or nothing. */
final class TrainLines implements TrainingListener {
  private static final int RECENT = 100; // loss and speed are means of so many steps

  private final PrintWriter err;
  private final boolean quiet;
  private final Deque<Metrics> recent = new ArrayDeque<>();
  private int first;
  private int tenths;
  private long began;

  TrainLines(PrintWriter err, boolean quiet) {
    this.err = err;
    this.quiet = quiet;
  }

  /** Counts the time from here. */
  void begin(Trainer trainer) {
    first = trainer.run().step();
    tenths = 10 * first / trainer.config().maxIters();
    began = System.nanoTime();
  }

  @Override
  public void onStep(Trainer trainer, Metrics metrics) {
    recent.add(metrics);
    if (recent.size() > RECENT) {
      recent.remove();
    }
    int total = trainer.config().maxIters();
    int now = (int) (10L * metrics.step() / total);
    if (quiet || now == tenths && metrics.validationLoss().isEmpty()) {
      return;
    }
    tenths = now;
    double seconds = (System.nanoTime() - began) / 1e9;
    double left = seconds / (metrics.step() - first) * (total - metrics.step());
    String validation =
        metrics.validationLoss().isEmpty()
            ? ""
            : format("  validation %.4f", metrics.validationLoss().getAsDouble());
    String width = "%" + String.valueOf(total).length() + "d";
    err.println(
        format("step " + width + "/%d  loss %.4f", metrics.step(), total, mean(Metrics::loss))
            + validation
            + format(
                "  learning rate %.2e  %,.0f tokens/s  %s left",
                metrics.learningRate(), mean(Metrics::tokensPerS), duration(left)));
  }

  private double mean(ToDoubleFunction<Metrics> number) {
    return recent.stream().mapToDouble(number).average().orElse(0);
  }

  private static String format(String text, Object... values) {
    return String.format(Locale.ROOT, text, values);
  }

  /** A time as {@code m:ss} or {@code h:mm:ss}. */
  static String duration(double seconds) {
    long rounded = Math.round(seconds);
    String rest = format("%02d", rounded % 60);
    long minutes = rounded / 60;
    return minutes < 60
        ? minutes + ":" + rest
        : minutes / 60 + ":" + format("%02d", minutes % 60) + ":" + rest;
  }
}
