package org.pygpt.jobs;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Mutable: long work on a thread of its own, which a caller awaits in short turns and may cancel.
 *
 * <p>A caller in another language cannot be interrupted while it is inside a Java method; so that
 * Ctrl-C works, it calls {@link #awaitMillis} again and again instead of one long method.
 */
public abstract class Job {
  /** Threads are kept for the next job: starting one costs as much as a step of a small model. */
  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "pygpt-job");
        thread.setDaemon(true);
        return thread;
      });

  private final CountDownLatch done = new CountDownLatch(1);
  private volatile boolean started;
  private volatile boolean cancelled;
  private volatile Throwable failure;

  /** The work; calls {@link #throwIfCancelled} often. */
  protected abstract void run() throws Exception;

  /** Stops whatever {@link #run} is inside of; called by {@link #cancel} on its caller's thread. */
  protected void interrupt() {}

  /** Lets a daemon thread do the work; call it once. */
  public final void start() {
    THREADS.execute(this::runAndRecord);
    started = true; // not where there is no thread for it
  }

  private void runAndRecord() {
    try {
      run();
    } catch (Throwable error) { // whatever it is, the thread that waits must learn of it
      failure = error;
    } finally {
      done.countDown();
    }
  }

  /** Asks the work to end soon; from any thread, any number of times. */
  public final void cancel() {
    cancelled = true;
    interrupt();
  }

  /** Ends the work if it was cancelled. */
  protected final void throwIfCancelled() {
    if (cancelled) {
      throw new CancellationException("cancelled");
    }
  }

  /** Whether the work has been started and has not ended, well or not. */
  public final boolean isRunning() {
    return started && done.getCount() != 0;
  }

  /**
   * Waits for the end of the work, at most {@code timeout} milliseconds.
   *
   * @return whether it has ended well
   * @throws CancellationException if it was cancelled and has ended
   * @throws InterruptedException if this thread is interrupted
   * @throws Exception what the work threw, itself
   */
  public final boolean awaitMillis(long timeout) throws Exception {
    if (!done.await(timeout, TimeUnit.MILLISECONDS)) {
      return false;
    }
    switch (failure) {
      case null -> {
        return true;
      }
      case Exception error -> throw error;
      case Error error -> throw error;
      default -> throw new AssertionError(failure);
    }
  }
}
