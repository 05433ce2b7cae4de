package org.pygpt.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.Session;
import org.pygpt.python.PythonRandom;

/**
 * Mutable: continues prompts, many at a time, with a key/value cache for each.
 *
 * <p>A prompt is read by one forward of all its tokens, once for equal ones that follow each other;
 * after that a step is one token of every sequence that has a cache, so that each weight is read
 * once for all of them. A sequence that ends leaves the step, and its cache to the next prompt.
 * Sequence b takes one number of {@code random.Random(seed + b)}, {@link PythonRandom}, for each
 * token; none if the temperature is 0. So it is what it would be alone.
 *
 * <pre>{@code
 * Generator.Options options = new Generator.Options(20, SamplingOptions.GREEDY, stops, 1, 0);
 * try (Generator generator =
 *     new Generator(model, new int[] {3, 1, 4}, new int[] {0, 3}, options)) {
 *   while (generator.advance()) {}
 *   int[] continuation = generator.tokens(0, 0);
 * }
 * }</pre>
 */
public final class Generator implements AutoCloseable {
  /** Sequences of a step at most: with more, its time is arithmetic and no longer the weights'. */
  static final int AT_ONCE = 32;

  /** Caches take no more than this part of the memory that is left, beyond the first. */
  private static final int PART_OF_MEMORY = 2;

  /**
   * How prompts are continued.
   *
   * @param maxNewTokens most tokens to add to each, at least 1; with the prompt at most {@code
   *     block_size}
   * @param stopTokens a sequence ends after one of these
   * @param seed of sequence 0; that of sequence b is {@code seed + b}
   * @param topCount how many of the likeliest tokens are kept for each new one, at most V
   */
  public record Options(
      int maxNewTokens, SamplingOptions sampling, int[] stopTokens, long seed, int topCount) {}

  /** A sequence that has a cache, and what its next token depends on. */
  private record Running(Sequence sequence, BitSet seen, PythonRandom random) {}

  private final Session program;
  private final TokenSampler choice;
  private final BitSet stops = new BitSet();
  private final long seed;
  private final Sequence[] sequences;
  private final Running[] caches;
  private int next; // the first sequence that has had no cache

  /**
   * Allocates as many caches as there are prompts, or as fit.
   *
   * @param prompts all of them, one after another, copied
   * @param starts n + 1 indices: prompt b is prompts[starts[b]] .. prompts[starts[b + 1] - 1], not
   *     empty
   * @throws IllegalArgumentException if a prompt is empty or too long, or a token is outside [0, V)
   * @throws org.pygpt.tensor.TooLargeError if not even one cache fits into memory
   */
  public Generator(GPT model, int[] prompts, int[] starts, Options options) {
    int V = model.config().vocabSize();
    check(model, prompts, starts, options);
    seed = options.seed();
    Arrays.stream(options.stopTokens()).forEach(stops::set);
    sequences = new Sequence[starts.length - 1];
    int longest = 1;
    for (int b = 0; b < sequences.length; b++) {
      int[] prompt = Arrays.copyOfRange(prompts, starts[b], starts[b + 1]);
      sequences[b] = new Sequence(prompt, options.maxNewTokens(), options.topCount());
      longest = Math.max(longest, prompt.length);
    }
    choice = new TokenSampler(options.sampling(), V, options.topCount());
    int positions = longest + options.maxNewTokens() - 1; // the last token is not read
    long fitting =
        model.kernels().device().freeBytes() / PART_OF_MEMORY / model.cacheBytes(positions);
    caches = new Running[Math.clamp(fitting, 1, Math.min(sequences.length, AT_ONCE))];
    program = model.generation(caches.length, longest, positions);
  }

  private static void check(GPT model, int[] prompts, int[] starts, Options options) {
    int V = model.config().vocabSize();
    require(options.maxNewTokens() >= 1, "max_new_tokens", "1 or more", options.maxNewTokens());
    boolean holds = options.topCount() >= 0 && options.topCount() <= V;
    require(holds, "top_logprobs", "0 to " + V + " (vocab_size)", options.topCount());
    checkTokens("prompts", prompts, V);
    checkTokens("stop_tokens", options.stopTokens(), V);
    int end = prompts.length;
    boolean cut = starts.length > 1 && starts[0] == 0 && starts[starts.length - 1] == end;
    require(cut, "starts", "0, ..., " + end, starts.length + " other ones");
    int limit = model.config().blockSize() - options.maxNewTokens();
    String expected = "1 to " + limit + " (block_size - max_new_tokens) tokens";
    for (int b = 0; b + 1 < starts.length; b++) {
      int length = starts[b + 1] - starts[b];
      require(length >= 1 && length <= limit, "prompt " + b, expected, length);
    }
  }

  private static void checkTokens(String name, int[] tokens, int V) {
    String expected = "0 to " + (V - 1) + " (vocab_size - 1)";
    for (int token : tokens) {
      require(token >= 0 && token < V, name, expected, token);
    }
  }

  private static void require(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }

  /**
   * Runs the model once: on the next prompt if there is a cache for it, else on the last token of
   * each running sequence; adds a token to each that it ran on.
   *
   * @return whether there are more to add
   * @throws ArithmeticException if a logit is no number
   * @throws java.util.concurrent.CancellationException after {@link #cancel}
   */
  public boolean advance() {
    int free = 0;
    while (free < caches.length && isRunning(free)) {
      free++;
    }
    if (free < caches.length && next < sequences.length) {
      read(free);
    } else {
      step();
    }
    return next < sequences.length || running() > 0;
  }

  private boolean isRunning(int cache) {
    return caches[cache] != null && !caches[cache].sequence.ended();
  }

  /** Sequences that have a cache and have not ended. */
  int running() {
    int count = 0;
    for (int cache = 0; cache < caches.length; cache++) {
      count += isRunning(cache) ? 1 : 0;
    }
    return count;
  }

  /**
   * Reads the next prompt into a free cache, and copies it to others if prompts after it equal it.
   */
  private void read(int cache) {
    int[] prompt = sequences[next].prompt();
    program.setIds(prompt);
    program.tape().forward(Step.forward(prompt.length, List.of(new Step.Past(cache, 0))));
    start(cache);
    for (int other = cache + 1; other < caches.length && nextIs(prompt); other++) {
      if (!isRunning(other)) {
        program.copyCache(cache, other, prompt.length);
        start(other);
      }
    }
  }

  private boolean nextIs(int[] prompt) {
    return next < sequences.length && Arrays.equals(sequences[next].prompt(), prompt);
  }

  /** Begins the next sequence, whose prompt is in this cache. */
  private void start(int cache) {
    BitSet seen = new BitSet();
    Arrays.stream(sequences[next].prompt()).forEach(seen::set);
    Running started = new Running(sequences[next], seen, new PythonRandom(seed + next));
    add(started, 0);
    caches[cache] = started;
    next++;
  }

  /** One more token of each running sequence. */
  private void step() {
    List<Running> rows = new ArrayList<>();
    List<Step.Past> pasts = new ArrayList<>();
    for (int cache = 0; cache < caches.length; cache++) {
      if (isRunning(cache)) {
        rows.add(caches[cache]);
        pasts.add(new Step.Past(cache, caches[cache].sequence.past()));
      }
    }
    if (rows.isEmpty()) {
      return;
    }
    int[] last = rows.stream().mapToInt(row -> row.sequence.last()).toArray();
    program.setIds(last);
    program.tape().forward(Step.forward(1, pasts));
    for (int row = 0; row < last.length; row++) {
      add(rows.get(row), row);
    }
  }

  /** Adds the token that this row of the logits gives. */
  private void add(Running running, int row) {
    double uniform = choice.isRandom() ? running.random.random() : 0;
    int token = choice.choose(program.logits(), row, running.seen, uniform);
    running.seen.set(token);
    running.sequence.add(token, choice, stops.get(token));
  }

  /** Ends a sequence after the first {@code count} of its new tokens, and forgets later ones. */
  public void end(int sequence, int count) {
    sequences[sequence].end(count);
  }

  /** How many tokens each sequence has got. */
  public int[] lengths() {
    return Arrays.stream(sequences).mapToInt(Sequence::length).toArray();
  }

  /** The new tokens of a sequence from index {@code from} on, copied. */
  public int[] tokens(int sequence, int from) {
    return sequences[sequence].tokens(from);
  }

  /** The logarithms of the probabilities that the model gives these tokens, in nats, copied. */
  public double[] logProbabilities(int sequence) {
    return sequences[sequence].logProbabilities();
  }

  /**
   * The likeliest tokens in the place of each new one, likeliest first: (new, topCount), copied.
   */
  public int[] topTokens(int sequence) {
    return sequences[sequence].topTokens();
  }

  /** The logarithms of their probabilities, copied. */
  public double[] topLogProbabilities(int sequence) {
    return sequences[sequence].topLogProbabilities();
  }

  /** Makes the call in progress, or the next one, stop between two ops. */
  public void cancel() {
    program.tape().cancel();
  }

  /** Forgets a {@link #cancel} that came after the end of the call that it was meant for. */
  public void resetCancel() {
    program.tape().resetCancel();
  }

  @Override
  public void close() {
    program.close();
  }
}
