package org.pygpt.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.pygpt.generate.TokenSampler.Choice;
import org.pygpt.graph.Step;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.EncoderDecoder;
import org.pygpt.model.GPT;
import org.pygpt.model.PairSession;
import org.pygpt.python.PythonRandom;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: makes targets of sources with an encoder–decoder transformer: the likeliest token, a
 * drawn one, or beam search.
 *
 * <p>Each source is read once, alone; its keys and values for the decoder are kept. A step is the
 * next token of several targets, so few that on backend cpu each has the bits that it would have
 * alone.
 *
 * @see <a href="https://arxiv.org/abs/1609.08144">Wu et al. 2016, for beams of several lengths</a>
 */
public final class Translator implements AutoCloseable {
  /** Targets of a step, at most; see {@link Kernels#rowsAlike}. */
  public static final int ROWS = 8;

  private static final BitSet NONE_SEEN = new BitSet();

  private final EncoderDecoder model;
  private final PairSession encoding;
  private final PairSession decoding;
  private final TokenSampler sampler;
  private final List<SourceCache> allCaches = new ArrayList<>();
  private final List<SourceCache.Source> allSources = new ArrayList<>();
  private final Deque<SourceCache> caches = new ArrayDeque<>(); // that are free
  private final Deque<SourceCache.Source> sources = new ArrayDeque<>(); // likewise

  /** Mutable: a target that grows. */
  private final class Target {
    final SourceCache cache;
    final SourceCache.Source source;
    final int[] tokens; // without what begins it
    int length;
    double logProbability;

    Target(SourceCache cache, SourceCache.Source source, int most) {
      this.cache = cache;
      this.source = source;
      tokens = new int[most];
    }

    int last(int begin) {
      return length == 0 ? begin : tokens[length - 1];
    }

    /**
     * This one and one more token.
     *
     * @param into this one's cache, or another that becomes its copy; null if it is not read any
     *     more
     */
    Target extended(Extension by, SourceCache into) {
      if (into != null && into != cache) {
        into.copy(cache, model.kernels());
      }
      Target next = new Target(into, source, tokens.length);
      System.arraycopy(tokens, 0, next.tokens, 0, length);
      next.length = length;
      next.logProbability = logProbability;
      next.add(by.token, by.gain);
      return next;
    }

    void add(int token, double gain) {
      tokens[length++] = token;
      logProbability += gain;
    }

    Translation result(int end) {
      boolean ended = length > 0 && tokens[length - 1] == end;
      int[] kept = Arrays.copyOf(tokens, ended ? length - 1 : length);
      return new Translation(kept, ended, logProbability);
    }
  }

  /** A target and a token that may follow it. */
  private record Extension(Target of, int token, double gain) {
    double logProbability() {
      return of.logProbability + gain;
    }
  }

  /** Allocates tapes and caches. */
  public Translator(EncoderDecoder model) {
    this.model = model;
    encoding = model.encoding(model.config().sourceBlockSize());
    decoding = model.generation(ROWS);
    sampler = new TokenSampler(model.config().targetVocabSize());
    for (int i = 0; i < ROWS; i++) {
      allCaches.add(new SourceCache(model));
      allSources.add(new SourceCache.Source(model));
    }
  }

  /** A turn of the model. */
  public GPT.Turn turn() {
    return model.turn();
  }

  /**
   * Makes a target of each source, in their order.
   *
   * @param sources ids of each, from 1 to the longest source
   * @throws IllegalArgumentException if an id is outside the vocabulary, or a length out of range
   * @throws ArithmeticException if the logits are no numbers
   * @throws java.util.concurrent.CancellationException if another thread called {@link #cancel}
   */
  public List<Translation> translate(List<int[]> sources, TranslateOptions options) {
    int most = model.config().sourceBlockSize();
    for (int[] source : sources) {
      if (source.length < 1 || source.length > most) {
        throw new IllegalArgumentException(
            "source: expected 1 to " + most + " tokens, got " + source.length);
      }
    }
    try (var _ = turn()) {
      if (options.beams() == 1) {
        freeAll();
        return chosen(sources, options);
      }
      List<Translation> results = new ArrayList<>();
      for (int[] source : sources) {
        freeAll();
        results.add(searched(source, options));
      }
      return results;
    }
  }

  /** Makes the translation in progress, or the next one, stop between two ops. */
  public void cancel() {
    encoding.tape().cancel();
    decoding.tape().cancel();
  }

  /** Forgets a {@link #cancel} that came after the end of what it was meant for. */
  public void resetCancel() {
    encoding.tape().resetCancel();
    decoding.tape().resetCancel();
  }

  // ---- one token after another -----------------------------------------------------------------

  private List<Translation> chosen(List<int[]> given, TranslateOptions options) {
    Translation[] results = new Translation[given.size()];
    Target[] running = new Target[ROWS];
    int[] numbers = new int[ROWS]; // of their sources
    DoubleSupplier[] uniforms = new DoubleSupplier[ROWS];
    boolean random = options.sampling().isRandom();
    int next = 0;
    while (true) {
      List<Target> rows = new ArrayList<>();
      List<Integer> places = new ArrayList<>();
      for (int i = 0; i < ROWS; i++) {
        if (running[i] == null && next < given.size()) {
          running[i] = begin(given.get(next), options);
          uniforms[i] = random ? new PythonRandom(options.seed() + next)::random : () -> 0;
          numbers[i] = next++;
        }
        if (running[i] != null) {
          rows.add(running[i]);
          places.add(i);
        }
      }
      if (rows.isEmpty()) {
        return List.of(results);
      }
      Tensor logits = step(rows, options);
      for (int row = 0; row < rows.size(); row++) {
        int i = places.get(row);
        double uniform = uniforms[i].getAsDouble();
        Choice choice = sampler.choose(logits, row, options.sampling(), NONE_SEEN, uniform, 0);
        rows.get(row).add(choice.token(), choice.logProbability());
        if (isOver(rows.get(row), options)) {
          results[numbers[i]] = running[i].result(options.end());
          free(running[i]);
          running[i] = null;
        }
      }
    }
  }

  private static boolean isOver(Target target, TranslateOptions options) {
    boolean full = target.length == target.tokens.length;
    return full || target.tokens[target.length - 1] == options.end();
  }

  // ---- several beams ---------------------------------------------------------------------------

  /** The best target that beam search finds, by its score. */
  private Translation searched(int[] given, TranslateOptions options) {
    int beams = options.beams();
    double penalty = options.lengthPenalty();
    Comparator<Translation> byScore = Comparator.comparingDouble(t -> -t.score(penalty));
    List<Translation> done = new ArrayList<>();
    List<Target> live = List.of(begin(given, options));
    while (!live.isEmpty()) {
      List<Extension> best = extensions(live, options);
      List<Extension> kept = new ArrayList<>();
      for (int rank = 0; rank < best.size() && kept.size() < beams; rank++) {
        Extension extension = best.get(rank);
        boolean ends = extension.token == options.end();
        boolean fills = extension.of.length + 1 == extension.of.tokens.length;
        if (!ends && !fills) {
          kept.add(extension);
        } else if (rank < beams) {
          done.add(extension.of.extended(extension, null).result(options.end()));
        }
      }
      done.sort(byScore);
      live = isSettled(done, kept, options) ? List.of() : extend(live, kept);
    }
    return done.getFirst();
  }

  /** What the likeliest tokens make of the targets, likeliest first. */
  private List<Extension> extensions(List<Target> live, TranslateOptions options) {
    Tensor logits = step(live, options);
    int count = Math.min(2 * options.beams(), model.config().targetVocabSize());
    List<Extension> all = new ArrayList<>();
    for (int row = 0; row < live.size(); row++) {
      Choice choice = sampler.choose(logits, row, SamplingOptions.GREEDY, NONE_SEEN, 0, count);
      for (int i = 0; i < count; i++) {
        int token = choice.topTokens()[i];
        all.add(new Extension(live.get(row), token, choice.topLogProbabilities()[i]));
      }
    }
    all.sort(Comparator.comparingDouble(extension -> -extension.logProbability()));
    return all;
  }

  /** Whether no live target can still become better than as many done ones as there are beams. */
  private static boolean isSettled(
      List<Translation> done, List<Extension> kept, TranslateOptions options) {
    int beams = options.beams();
    if (kept.isEmpty()) {
      return true;
    }
    if (done.size() < beams) {
      return false;
    }
    double penalty = options.lengthPenalty();
    Extension best = kept.getFirst();
    int length = penalty > 0 ? best.of.tokens.length : best.of.length + 1; // the kindest one
    double hoped = best.logProbability() / Math.pow(length, penalty);
    return done.get(beams - 1).score(penalty) >= hoped;
  }

  /** The targets of the next step; those of one target share its cache's content, not its cache. */
  private List<Target> extend(List<Target> live, List<Extension> kept) {
    for (Target target : live) {
      if (kept.stream().noneMatch(extension -> extension.of == target)) {
        caches.add(target.cache);
      }
    }
    List<Target> next = new ArrayList<>();
    List<SourceCache> used = new ArrayList<>();
    for (Extension extension : kept) {
      SourceCache own = extension.of.cache;
      SourceCache into = used.contains(own) ? caches.remove() : own;
      used.add(into);
      next.add(extension.of.extended(extension, into));
    }
    return next;
  }

  // ---- the model -------------------------------------------------------------------------------

  /** Takes back all caches, also those of a translation that was cancelled. */
  private void freeAll() {
    caches.clear();
    caches.addAll(allCaches);
    sources.clear();
    sources.addAll(allSources);
  }

  /** Reads a source; returns its empty target. */
  private Target begin(int[] ids, TranslateOptions options) {
    Step step = Step.forward(1, ids.length);
    encoding.setSources(ids);
    encoding.loadSources(step);
    encoding.tape().forward(step);
    SourceCache.Source source = sources.remove();
    source.setLength(ids.length);
    for (int layer = 0; layer < model.config().nDecoderLayer(); layer++) {
      Tensor both = encoding.sourceKeysAndValues(layer);
      model.kernels().copy(ids.length, both, source.layer(layer), 0);
    }
    SourceCache cache = caches.remove();
    cache.begin(source);
    int most = Math.min(options.maxNewTokens(), model.config().targetBlockSize());
    return new Target(cache, source, most);
  }

  private void free(Target target) {
    caches.add(target.cache);
    sources.add(target.source);
  }

  /** Reads the last token of each target; returns the logits of the next, (targets, V). */
  private Tensor step(List<Target> rows, TranslateOptions options) {
    decoding.setTargets(rows.stream().mapToInt(target -> target.last(options.begin())).toArray());
    List<SourceCache> pasts = rows.stream().map(target -> target.cache).toList();
    Step step = Step.forward(1, pasts);
    decoding.load(step);
    decoding.tape().forward(step);
    pasts.forEach(SourceCache::add);
    return decoding.logits();
  }

  @Override
  public void close() {
    try (var _ = model.lastTurn()) {
      encoding.close();
      decoding.close();
      allCaches.forEach(SourceCache::close);
      allSources.forEach(SourceCache.Source::close);
    }
  }
}
