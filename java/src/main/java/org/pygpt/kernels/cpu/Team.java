package org.pygpt.kernels.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Mutable: a fixed number of workers that divide ranges of independent units among them, each a
 * thread.
 *
 * <p>The caller is worker 0 and the others wait for it, and it for them, at first spinning, since
 * in training the next kernel comes within microseconds, then parked. Where other programs take the
 * cores, who spins uses up the time that the others wait for: so who notices that it was stopped
 * while it spun parks early for a while. Every range is cut in the same way each time, so that
 * results do not depend on timing, and each worker mostly does the same part of it, so that rows
 * that one kernel leaves in a core's cache are there for the next. A part that its worker has not
 * begun when the caller is through with its own, since that worker sleeps or its core is taken, is
 * done by the caller.
 *
 * <p>One thread at a time may call {@link #run}; it allocates nothing.
 */
public final class Team implements AutoCloseable {
  /** Part of a kernel: the units [from, to), done by one worker. */
  @FunctionalInterface
  public interface Task {
    void run(int worker, int from, int to);
  }

  /** How long a worker spins before it parks: longer than what lies between two kernels. */
  private static final long SPIN_NANOS = 200_000;

  /** How long a thread spins while other programs take the cores. */
  private static final long CROWDED_SPIN_NANOS = 20_000;

  /** Between two looks at the clock so much passes only where the core was somebody else's. */
  private static final long GAP_NANOS = 1_000_000;

  /** How long a gap tells of a crowd. */
  private static final long CROWDED_NANOS = 30_000_000;

  /** Spins between two looks at the clock. */
  private static final int SPINS = 1 << 8;

  private static final VarHandle TICKET;
  private static final VarHandle DONE;
  private static final VarHandle CLAIMED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      TICKET = lookup.findVarHandle(Team.class, "ticket", int.class);
      DONE = lookup.findVarHandle(Worker.class, "done", int.class);
      CLAIMED = lookup.findVarHandle(Worker.class, "claimed", int.class);
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }

  private final Worker[] others;
  private final int threads;
  private Task task;
  private int units;
  private int multiple;
  private final BooleanSupplier alone;
  private volatile boolean closed;
  private volatile Thread waiting; // the caller, while it is parked
  private volatile long crowdedUntil = System.nanoTime();

  @SuppressWarnings("unused") // by TICKET
  private int ticket;

  /**
   * A team of {@code size} workers, the caller included.
   *
   * @throws IllegalArgumentException if size is not positive
   */
  public Team(int size) {
    this(size, size, () -> false);
  }

  /**
   * A team that at times leaves the other cores alone, and that may have fewer threads than
   * workers: then a thread does the parts of several, so that the number of threads changes no bit.
   *
   * @param threads from 1 to {@code size}, the caller's included
   * @param alone whether the caller is to do the parts of all workers, one after another, now;
   *     asked at each run. The results are the same.
   */
  public Team(int size, int threads, BooleanSupplier alone) {
    if (size < 1) {
      throw new IllegalArgumentException("threads: expected at least 1, got " + size);
    }
    this.threads = threads;
    this.alone = alone;
    others = new Worker[size - 1];
    Arrays.setAll(others, i -> new Worker(i + 1));
    for (int i = 0; i < threads - 1; i++) {
      others[i].start();
    }
  }

  /** Number of workers, the caller included. */
  public int size() {
    return others.length + 1;
  }

  /**
   * The first unit of a worker's part; that of worker {@code size()} is {@code units}. Rounded up,
   * so that the caller has a part, and the larger one: it need not be woken.
   */
  private int begin(int worker) {
    long whole = (units + multiple - 1) / multiple;
    return (int) Math.min(units, Math.ceilDiv(whole * worker, size()) * multiple);
  }

  /**
   * Runs {@code task} on the units [0, units), in parts whose bounds are multiples of {@code
   * multiple}; returns when all are done. The caller has a part; another worker whose part is empty
   * is not called.
   *
   * @throws RuntimeException what a part threw, after all parts have ended
   * @throws IllegalStateException if the team is closed
   */
  public void run(Task task, int units, int multiple) {
    if (others.length == 0 || units <= multiple) {
      task.run(0, 0, units);
      return;
    }
    this.task = task;
    this.units = units;
    this.multiple = multiple;
    if (closed) {
      throw new IllegalStateException("the team is closed");
    }
    if (alone.getAsBoolean()) {
      runAlone();
      return;
    }
    int current = (int) TICKET.getAcquire(this) + 1;
    TICKET.setVolatile(this, current);
    for (Worker worker : others) {
      worker.wake();
    }
    Throwable failure = runPart(0);
    runPartsBeyond(0, current);
    for (Worker worker : others) {
      Throwable another = worker.claim(current) ? runPart(worker.index) : worker.await(current);
      failure = failure == null ? another : failure;
    }
    this.task = null; // whose tensors may be closed before the next one comes
    switch (failure) {
      case null -> {}
      case RuntimeException error -> throw error;
      case Error error -> throw error;
      default -> throw new AssertionError(failure);
    }
  }

  /** Does the parts of workers without a thread that are the thread's of this worker. */
  private void runPartsBeyond(int worker, int current) {
    for (int other = worker + threads; other < size(); other += threads) {
      others[other - 1].runIfUnclaimed(current);
    }
  }

  private void runAlone() {
    for (int worker = 0; worker < size(); worker++) {
      int from = begin(worker);
      int to = begin(worker + 1);
      if (from < to) {
        task.run(worker, from, to);
      }
    }
  }

  /** Does a worker's part, if it has one; returns what it threw, or null. */
  private Throwable runPart(int worker) {
    int from = begin(worker);
    int to = begin(worker + 1);
    if (from < to) {
      try {
        task.run(worker, from, to);
      } catch (Throwable error) {
        return error;
      }
    }
    return null;
  }

  /** Mutable: one of the threads beside the caller's. */
  private final class Worker extends Thread {
    private final int index;
    private volatile boolean parked;
    private Throwable failure;

    @SuppressWarnings("unused") // by DONE
    private int done; // ticket of the last task whose part this worker has done

    @SuppressWarnings("unused") // by CLAIMED
    private int claimed; // ticket of the last task whose part is done, by this worker or the caller

    Worker(int index) {
      super("pygpt-worker-" + index);
      this.index = index;
      setDaemon(true);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(this);
      }
    }

    /** Whether this worker's part of the task with this ticket is now the calling thread's. */
    boolean claim(int current) {
      return CLAIMED.compareAndSet(this, current - 1, current);
    }

    /** Does this worker's part on the calling thread, unless somebody has begun it. */
    void runIfUnclaimed(int current) {
      if (claim(current)) {
        failure = runPart(index);
        DONE.setVolatile(this, current);
      }
    }

    /** Waits until this worker has done its part; returns what it threw, or null. */
    Throwable await(int current) {
      long began = System.nanoTime();
      long now = began;
      while ((int) DONE.getAcquire(this) != current) {
        for (int spins = 0; spins < SPINS && (int) DONE.getAcquire(this) != current; spins++) {
          Thread.onSpinWait();
        }
        long last = now;
        now = System.nanoTime();
        if (now - began > patience(last, now)) {
          waiting = Thread.currentThread();
          while ((int) DONE.getVolatile(this) != current) {
            LockSupport.park(Team.this);
          }
          waiting = null;
        }
      }
      return failure;
    }

    @Override
    public void run() {
      int seen = 0;
      while (!closed) {
        int current = (int) TICKET.getAcquire(Team.this);
        if (current == seen) {
          idle(seen);
          continue;
        }
        seen = current;
        if (!claim(current)) {
          continue;
        }
        failure = runPart(index);
        DONE.setVolatile(this, current);
        runPartsBeyond(index, current);
        Thread caller = waiting;
        if (caller != null) {
          LockSupport.unpark(caller);
        }
      }
    }

    /** Returns when there is a newer ticket than {@code seen}, and sometimes without. */
    private void idle(int seen) {
      long began = System.nanoTime();
      long now = began;
      long last;
      do {
        for (int spins = 0; spins < SPINS; spins++) {
          if ((int) TICKET.getAcquire(Team.this) != seen) {
            return;
          }
          Thread.onSpinWait();
        }
        last = now;
        now = System.nanoTime();
      } while (now - began <= patience(last, now));
      parked = true;
      if ((int) TICKET.getVolatile(Team.this) == seen && !closed) {
        LockSupport.park(Team.this);
      }
      parked = false;
    }
  }

  /** How long to spin, given the times of the last two looks at the clock. */
  private long patience(long last, long now) {
    if (now - last > GAP_NANOS) {
      crowdedUntil = now + CROWDED_NANOS;
    }
    return crowdedUntil - now > 0 ? CROWDED_SPIN_NANOS : SPIN_NANOS;
  }

  /** Ends the threads; the team must not be used any more. */
  @Override
  public void close() {
    closed = true;
    for (Worker worker : others) {
      LockSupport.unpark(worker);
    }
  }
}
