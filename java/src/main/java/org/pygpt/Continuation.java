package org.pygpt;

import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.IntPredicate;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Sequence;
import org.pygpt.generate.TextStream;
import org.pygpt.text.Tokenizer;

/**
 * Mutable: what follows a prompt, piece by piece, whole characters at a time; for one thread, but
 * {@link #close} is for any.
 */
public final class Continuation implements Iterator<String>, AutoCloseable {
  private final Generator generator;
  private final Sequence sequence;
  private final Tokenizer tokenizer;
  private final IntPredicate isSilent;
  private final IntPredicate isEnd;
  private final TextStream text;
  private int spelt;
  private boolean ended;
  private volatile boolean closed;
  private String next = "";

  Continuation(
      Generator generator,
      Sequence sequence,
      Tokenizer tokenizer,
      TextStream text,
      IntPredicate isSilent,
      IntPredicate isEnd) {
    this.generator = generator;
    this.sequence = sequence;
    this.tokenizer = tokenizer;
    this.text = text;
    this.isSilent = isSilent;
    this.isEnd = isEnd;
  }

  /**
   * Whether there is more; computes until there is, or until the end.
   *
   * @throws ArithmeticException if the logits are no numbers
   */
  @Override
  public boolean hasNext() {
    while (next.isEmpty() && !ended && !closed) {
      generator.advance();
      sequence.throwIfFailed();
      boolean hasEnded = sequence.ended(); // before the tokens are read
      for (int token : sequence.tokens(spelt)) {
        if (!text.stopped()) {
          text.add(isSilent.test(token) ? new byte[0] : tokenizer.decodeBytes(token));
          spelt++;
        }
      }
      ended = hasEnded || text.stopped();
      next = text.take(ended);
      if (ended) {
        generator.cancel(sequence);
      }
    }
    return !next.isEmpty() && !closed;
  }

  @Override
  public String next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the text has ended");
    }
    String piece = next;
    next = "";
    return piece;
  }

  /** The new tokens so far, with the one that ended them, copied. */
  public int[] tokens() {
    return Arrays.copyOf(sequence.tokens(0), spelt);
  }

  /** The logarithms of the probabilities that the model gives them, in nats. */
  public double[] logProbabilities() {
    return Arrays.copyOf(sequence.logProbabilities(), spelt);
  }

  /** The likeliest tokens in the place of each, likeliest first: (new, count), row by row. */
  public int[] topTokens(int count) {
    return Arrays.copyOf(sequence.topTokens(), spelt * count);
  }

  /** The logarithms of their probabilities. */
  public double[] topLogProbabilities(int count) {
    return Arrays.copyOf(sequence.topLogProbabilities(), spelt * count);
  }

  /** Whether a token or a text that ends it has come, and not the most tokens. */
  public boolean stopped() {
    return text.stopped() || spelt > 0 && isEnd.test(sequence.tokens(spelt - 1)[0]);
  }

  /** Ends it and frees its memory, from any thread; a second call does nothing. */
  @Override
  public void close() {
    closed = true;
    generator.cancel(sequence);
  }
}
