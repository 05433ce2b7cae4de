package org.pygpt.jobs;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Sequence;

/**
 * Mutable: lets a generator work for a while, for callers that must stay interruptible and want
 * what there is so far.
 */
public final class GenerateJob extends Job {
  private final Generator generator;
  private final long nanos;
  private final Sequence[] wanted;
  private volatile boolean ended;

  /**
   * Runs the model once, and more for {@code millis} milliseconds or until all is there.
   *
   * @param wanted the sequences that the caller waits for; others get on with them. None for all
   */
  public GenerateJob(Generator generator, int millis, Sequence... wanted) {
    this.generator = generator;
    this.wanted = wanted;
    this.nanos = TimeUnit.MILLISECONDS.toNanos(millis);
  }

  @Override
  protected void run() {
    try (var _ = generator.turn()) {
      generator.resetInterrupt();
      long start = System.nanoTime();
      do {
        throwIfCancelled(); // also a cancel that came before the reset
        ended = areWantedEnded() || !generator.advance() || areWantedEnded();
      } while (!ended && System.nanoTime() - start < nanos);
    }
  }

  private boolean areWantedEnded() {
    return wanted.length > 0 && Arrays.stream(wanted).allMatch(Sequence::ended);
  }

  @Override
  protected void interrupt() {
    generator.interrupt();
  }

  /** Whether nothing is left to add to what the caller waits for. */
  public boolean ended() {
    return ended;
  }
}
