package org.pygpt.jobs;

import java.util.concurrent.TimeUnit;
import org.pygpt.generate.Generator;

/**
 * Mutable: lets a generator work for a while, for callers that must stay interruptible and want
 * what there is so far.
 */
public final class GenerateJob extends Job {
  private final Generator generator;
  private final long nanos;
  private volatile boolean ended;

  /** Runs the model once, and more for {@code millis} milliseconds or until all is there. */
  public GenerateJob(Generator generator, int millis) {
    this.generator = generator;
    this.nanos = TimeUnit.MILLISECONDS.toNanos(millis);
  }

  @Override
  protected void run() {
    generator.resetInterrupt();
    long start = System.nanoTime();
    do {
      throwIfCancelled(); // also a cancel that came before the reset
      ended = !generator.advance();
    } while (!ended && System.nanoTime() - start < nanos);
  }

  @Override
  protected void interrupt() {
    generator.interrupt();
  }

  /** Whether nothing is left to add. */
  public boolean ended() {
    return ended;
  }
}
