package org.pygpt.jobs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.pygpt.generate.TranslateOptions;
import org.pygpt.generate.Translation;
import org.pygpt.generate.Translator;

/** Mutable: a translation of many sources, for callers that must stay interruptible. */
public final class TranslateJob extends Job {
  private final Translator translator;
  private final List<int[]> sources = new ArrayList<>();
  private final TranslateOptions options;
  private List<Translation> results;

  /**
   * Sources that lie one after another.
   *
   * @param ids of all sources
   * @param lengths of each
   */
  public TranslateJob(Translator translator, int[] ids, int[] lengths, TranslateOptions options) {
    this.translator = translator;
    this.options = options;
    int start = 0;
    for (int length : lengths) {
      sources.add(Arrays.copyOfRange(ids, start, start + length));
      start += length;
    }
  }

  @Override
  protected void run() {
    try (var _ = translator.turn()) {
      translator.resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      results = translator.translate(sources, options);
    }
  }

  @Override
  protected void interrupt() {
    translator.cancel();
  }

  /** The tokens of all targets, one after another, once done. */
  public int[] tokens() {
    return results.stream().flatMapToInt(result -> Arrays.stream(result.tokens())).toArray();
  }

  /** How many tokens each has. */
  public int[] lengths() {
    return results.stream().mapToInt(result -> result.tokens().length).toArray();
  }

  /** Which of them the model ended. */
  public boolean[] ended() {
    boolean[] ended = new boolean[results.size()];
    for (int i = 0; i < ended.length; i++) {
      ended[i] = results.get(i).ended();
    }
    return ended;
  }

  /** The logarithms of their probabilities, in nats. */
  public double[] logProbabilities() {
    return results.stream().mapToDouble(Translation::logProbability).toArray();
  }
}
