package org.pygpt.infer;

import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.pygpt.GPT;
import org.pygpt.graph.Step;
import org.pygpt.random.PythonRandom;

/**
 * Mutable: continues prompts, one after another, with a key/value cache.
 *
 * <p>A prompt is read by one forward of all its tokens; then each step is one token. Sequence b
 * takes one number of {@code random.Random(seed + b)}, {@link PythonRandom}, for each token; none
 * if the temperature is 0.
 *
 * <pre>{@code
 * try (Generator generator =
 *     new Generator(model, new int[] {3, 1, 4}, new int[] {0, 3}, 20, Sampling.GREEDY, stops, 1)) {
 *   while (generator.advance()) {}
 *   int[] continuation = generator.tokens(0, 0);
 * }
 * }</pre>
 */
public final class Generator implements AutoCloseable {
  private final GPT.Program program;
  private final TokenChoice choice;
  private final int[] prompts;
  private final int[] starts;
  private final BitSet stops = new BitSet();
  private final long seed;
  private final int[][] tokens;
  private final double[][] logProbabilities;
  private final AtomicIntegerArray lengths; // set after what they count is written
  private int sequence;
  private BitSet seen;
  private PythonRandom random;

  /**
   * Allocates the cache.
   *
   * @param prompts all of them, one after another, copied
   * @param starts n + 1 indices: prompt b is prompts[starts[b]] .. prompts[starts[b + 1] - 1], not
   *     empty
   * @param maxNewTokens most tokens to add to each, at least 1; with the prompt at most {@code
   *     block_size}
   * @param stopTokens a sequence ends after one of these
   * @throws IllegalArgumentException if a prompt is empty or too long, or a token is outside [0, V)
   */
  public Generator(
      GPT model,
      int[] prompts,
      int[] starts,
      int maxNewTokens,
      Sampling sampling,
      int[] stopTokens,
      long seed) {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("max_new_tokens: expected 1 or more, got " + maxNewTokens);
    }
    int V = model.config().vocabSize();
    int longest = longest(starts, prompts.length, model.config().blockSize() - maxNewTokens);
    checkTokens("prompts", prompts, V);
    checkTokens("stop_tokens", stopTokens, V);
    this.prompts = prompts.clone();
    this.starts = starts.clone();
    this.seed = seed;
    Arrays.stream(stopTokens).forEach(stops::set);
    int n = starts.length - 1;
    tokens = new int[n][maxNewTokens];
    logProbabilities = new double[n][maxNewTokens];
    lengths = new AtomicIntegerArray(n);
    choice = new TokenChoice(sampling, V);
    program = model.generation(longest);
  }

  private static int longest(int[] starts, int end, int limit) {
    if (starts.length < 2 || starts[0] != 0 || starts[starts.length - 1] != end) {
      throw new IllegalArgumentException(
          "starts: expected 0, ..., " + end + ", got " + starts.length + " other ones");
    }
    int longest = 1;
    for (int b = 0; b + 1 < starts.length; b++) {
      int length = starts[b + 1] - starts[b];
      if (length < 1 || length > limit) {
        throw new IllegalArgumentException(
            String.format(
                "prompt %d: expected 1 to %d (block_size - max_new_tokens) tokens, got %d",
                b, limit, length));
      }
      longest = Math.max(longest, length);
    }
    return longest;
  }

  private static void checkTokens(String name, int[] tokens, int V) {
    for (int token : tokens) {
      if (token < 0 || token >= V) {
        throw new IllegalArgumentException(
            name + ": expected 0 to " + (V - 1) + " (vocab_size - 1), got " + token);
      }
    }
  }

  /**
   * Adds one token to the sequence in turn.
   *
   * @return whether there are more to add
   * @throws ArithmeticException if a logit is no number
   * @throws java.util.concurrent.CancellationException after {@link #cancel}
   */
  public boolean advance() {
    if (sequence == tokens.length) {
      return false;
    }
    int b = sequence;
    int length = lengths.get(b);
    feed(b, length);
    int token = choice.choose(program.logits(), seen, choice.isRandom() ? random.random() : 0);
    seen.set(token);
    tokens[b][length] = token;
    logProbabilities[b][length] = choice.logProbability();
    lengths.set(b, length + 1);
    if (length + 1 == tokens[b].length || stops.get(token)) {
      sequence++;
    }
    return sequence < tokens.length;
  }

  /** Runs the model on what it has not read of the sequence: its prompt, or its last token. */
  private void feed(int b, int length) {
    int T = starts[b + 1] - starts[b];
    if (length == 0) {
      GPT.Program.copy(prompts, starts[b], program.ids(), T);
      program.tape().forward(Step.forward(1, T, 0));
      seen = new BitSet();
      Arrays.stream(prompts, starts[b], starts[b + 1]).forEach(seen::set);
      random = new PythonRandom(seed + b);
    } else {
      GPT.Program.copy(tokens[b], length - 1, program.ids(), 1);
      program.tape().forward(Step.forward(1, 1, T + length - 1));
    }
  }

  /** The tokens of a sequence from index {@code from} on that are there, copied. */
  public int[] tokens(int sequence, int from) {
    return Arrays.copyOfRange(tokens[sequence], from, lengths.get(sequence));
  }

  /** The logarithms of the probabilities that the model gives these tokens, in nats, copied. */
  public double[] logProbabilities(int sequence, int from) {
    return Arrays.copyOfRange(logProbabilities[sequence], from, lengths.get(sequence));
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
