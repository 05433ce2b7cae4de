package org.pygpt.generate;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: a request and what was added to its prompt. The thread that runs the generator adds to
 * it; others may read meanwhile, and see whole tokens, and may end it.
 */
public final class Sequence {
  private static final int FIRST_CAPACITY = 16;
  private static final int[] NONE = {};

  private final Request request;
  private final Object group; // the same one for those that were submitted together
  private final int groupSize;
  private final BitSet stops;
  private final BitSet never; // what is not chosen; null if that is nothing
  private final BitSet seen; // what the repetition penalty is for; null if there is none
  private final PromptLookup lookup; // null if nothing is guessed
  private int[] tokens = new int[FIRST_CAPACITY];
  private double[] logProbabilities = new double[FIRST_CAPACITY];
  private int[] topTokens;
  private double[] topLogProbabilities;
  private volatile int length; // set after what it counts is written
  private volatile boolean ended;
  private volatile Throwable failure; // a RuntimeException or an Error
  private KeyValueCache cache; // the generator's thread alone uses it

  /** Nothing yet; one of so many that are submitted together. */
  Sequence(Request request, Object group, int groupSize) {
    this.request = request;
    this.group = group;
    this.groupSize = groupSize;
    stops = bits(request.stopTokens());
    never = request.neverTokens().length == 0 ? null : bits(request.neverTokens());
    seen = request.sampling().repetitionPenalty() == 1 ? null : new BitSet();
    lookup = request.lookup() ? new PromptLookup(request.prompt()) : null;
    topTokens = new int[FIRST_CAPACITY * request.topCount()];
    topLogProbabilities = new double[topTokens.length];
  }

  private static BitSet bits(int[] tokens) {
    BitSet bits = new BitSet();
    Arrays.stream(tokens).forEach(bits::set);
    return bits;
  }

  Request request() {
    return request;
  }

  int groupSize() {
    return groupSize;
  }

  /**
   * Whether both may run at once where each has to get what it would get alone: in one group, or in
   * groups whose steps have the same bits as a step of one.
   *
   * @param alike most sequences of such a step
   */
  boolean joins(Sequence other, int alike) {
    return group == other.group || Math.max(groupSize, other.groupSize) <= alike;
  }

  /** Positions that it takes in a cache of at most so many; its last token is not read. */
  int positions(int blockSize) {
    return (int) Math.min((long) request.prompt().length + request.maxNewTokens() - 1, blockSize);
  }

  /** Whether its tokens, with the last, which the model has not read, are more than the context. */
  boolean isBeyond(int blockSize) {
    return request.prompt().length + length > blockSize;
  }

  /** The last {@code count} tokens of prompt and continuation, which has fewer. */
  int[] lastTokens(int count) {
    int[] prompt = request.prompt();
    int kept = Math.max(0, count - length);
    int[] last = Arrays.copyOfRange(prompt, prompt.length - kept, prompt.length + count - kept);
    System.arraycopy(tokens, length - (count - kept), last, kept, count - kept);
    return last;
  }

  KeyValueCache cache() {
    return cache;
  }

  /** Gives it a cache, or none. */
  void setCache(KeyValueCache cache) {
    this.cache = cache;
  }

  /** Tokens of the prompt that the model has not read. */
  int unread() {
    return request.prompt().length - cache.length();
  }

  /** The first {@code count} of those. */
  IntStream unread(int count) {
    return Arrays.stream(request.prompt(), cache.length(), cache.length() + count);
  }

  /** The token that comes last, which the model has not read. */
  int last() {
    return tokens[length - 1];
  }

  /**
   * What may follow the last token, to be read together with it; at most {@code room} tokens, none
   * beyond its end.
   */
  int[] guess(int room) {
    int left = request.maxNewTokens() - length - 1; // after the token that any step adds
    int fits = Math.min(room, Math.min(left, cache.capacity() - cache.length() - 1));
    return lookup == null ? NONE : lookup.guess(Math.max(fits, 0));
  }

  /**
   * Adds a token for each row of logits from {@code row} on, those of its last token and of what
   * was guessed, up to the first token that was not guessed.
   *
   * @return how many were added, at least 1
   */
  int add(TokenSampler sampler, Tensor logits, int row, int[] guesses) {
    int right = 0;
    add(sampler, logits, row);
    while (!ended && right < guesses.length && last() == guesses[right]) {
      right++;
      add(sampler, logits, row + right);
    }
    if (guesses.length > 0) {
      lookup.learn(guesses.length, right);
    }
    return right + 1;
  }

  /** Adds the token that a row of logits gives. */
  void add(TokenSampler sampler, Tensor logits, int row) {
    if (length == 0 && seen != null) {
      Arrays.stream(request.prompt()).forEach(seen::set);
    }
    try {
      double uniform = request.sampling().isRandom() ? request.uniforms().getAsDouble() : 0;
      int topCount = request.topCount();
      add(sampler.choose(logits, row, request.sampling(), seen, never, uniform, topCount));
    } catch (RuntimeException error) {
      fail(error);
    }
  }

  /** Ends it because something went wrong with it. */
  void fail(Throwable error) {
    failure = error;
    ended = true;
  }

  private synchronized void add(TokenSampler.Choice choice) {
    if (ended) {
      return;
    }
    if (length == tokens.length) {
      grow(2 * length);
    }
    tokens[length] = choice.token();
    logProbabilities[length] = choice.logProbability();
    int topCount = request.topCount();
    System.arraycopy(choice.topTokens(), 0, topTokens, length * topCount, topCount);
    System.arraycopy(
        choice.topLogProbabilities(), 0, topLogProbabilities, length * topCount, topCount);
    if (seen != null) {
      seen.set(choice.token());
    }
    if (lookup != null) {
      lookup.add(choice.token());
    }
    length++;
    ended = stops.get(choice.token()) || length == request.maxNewTokens();
  }

  private void grow(int capacity) {
    tokens = Arrays.copyOf(tokens, capacity);
    logProbabilities = Arrays.copyOf(logProbabilities, capacity);
    topTokens = Arrays.copyOf(topTokens, Math.multiplyExact(capacity, request.topCount()));
    topLogProbabilities = Arrays.copyOf(topLogProbabilities, topTokens.length);
  }

  /** Ends it where it is. */
  synchronized void end() {
    ended = true;
  }

  /** Ends it after the first {@code count} of its new tokens, and forgets later ones. */
  public synchronized void end(int count) {
    length = Math.min(length, count);
    ended = true;
  }

  /** Whether no more tokens come. */
  public boolean ended() {
    return ended;
  }

  /**
   * Passes unless something went wrong with this sequence, which has then ended.
   *
   * @throws ArithmeticException if a logit was no number
   * @throws OutOfMemoryError if there was no memory to read it with
   */
  public void throwIfFailed() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure != null) {
      throw (RuntimeException) failure;
    }
  }

  /** Of each sequence: whether it has ended (0 or 1), whether it has failed, and its length. */
  public static int[] progress(Sequence[] of) {
    return Arrays.stream(of).flatMapToInt(Sequence::progress).toArray();
  }

  private IntStream progress() { // what is read after its end is all there
    return IntStream.of(ended ? 1 : 0, failure == null ? 0 : 1, length);
  }

  /** Tokens added so far. */
  public int length() {
    return length;
  }

  /** The new tokens from index {@code from} on, copied. */
  public synchronized int[] tokens(int from) {
    return Arrays.copyOfRange(tokens, Math.min(from, length), length);
  }

  /** The new tokens without the stop token that may have ended them, copied. */
  public synchronized int[] tokensBeforeStop() {
    boolean stopped = length > 0 && stops.get(tokens[length - 1]);
    return Arrays.copyOf(tokens, stopped ? length - 1 : length);
  }

  /** The logarithms of the probabilities that the model gives these tokens, in nats, copied. */
  public synchronized double[] logProbabilities() {
    return Arrays.copyOf(logProbabilities, length);
  }

  /**
   * The likeliest tokens in the place of each new one, likeliest first: (new, topCount), copied.
   */
  public synchronized int[] topTokens() {
    return Arrays.copyOf(topTokens, length * request.topCount());
  }

  /** The logarithms of their probabilities, copied. */
  public synchronized double[] topLogProbabilities() {
    return Arrays.copyOf(topLogProbabilities, length * request.topCount());
  }
}
