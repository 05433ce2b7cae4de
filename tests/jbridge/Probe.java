package probe;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Cleaner;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What the tests of jbridge call: off-heap memory, jobs and exceptions, with no library. */
public final class Probe {

  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicInteger FREED = new AtomicInteger();

  private Probe() {}

  /** Off-heap memory that lives as long as this object. */
  public static final class Memory {
    private final MemorySegment segment;

    public Memory(long bytes) {
      Arena arena = Arena.ofShared();
      segment = arena.allocate(bytes, 64);
      CLEANER.register(
          this,
          () -> {
            arena.close();
            FREED.incrementAndGet();
          });
    }

    public long address() {
      return segment.address();
    }

    public void setFloat(long index, float value) {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }

    public float getFloat(long index) {
      return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }
  }

  /** How many memories the garbage collector has freed, after a collection. */
  public static int collect() throws InterruptedException {
    for (int i = 0; i < 5; i++) {
      System.gc();
      Thread.sleep(20);
    }
    return FREED.get();
  }

  /** A job that computes on a thread of its own until it is cancelled or its time is over. */
  public static final class Job {
    private final long millis;
    private final boolean fails;
    private final boolean obeys;
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile boolean cancelled;
    private volatile RuntimeException failure;

    public Job(long millis, boolean fails, boolean obeys) {
      this.millis = millis;
      this.fails = fails;
      this.obeys = obeys;
    }

    public void start() {
      Thread thread = new Thread(this::run);
      thread.setDaemon(true);
      thread.start();
    }

    private void run() {
      long stop = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
      while (System.nanoTime() < stop && !(cancelled && obeys)) {
        Thread.onSpinWait();
      }
      if (cancelled) {
        failure = new CancellationException("cancelled");
      } else if (fails) {
        failure = new IllegalStateException("the job failed");
      }
      end.countDown();
    }

    public boolean awaitMillis(long limit) throws InterruptedException {
      boolean done = end.await(limit, TimeUnit.MILLISECONDS);
      if (done && failure != null) {
        throw failure;
      }
      return done;
    }

    public void cancel() {
      cancelled = true;
    }

    public boolean isCancelled() {
      return cancelled;
    }
  }

  /** Does nothing; the program whose classes are archived. */
  public static void main(String[] args) {}

  public static void throwArgument() {
    throw new IllegalArgumentException("n_head: expected a divisor of 10, got 3");
  }

  public static void throwMemory() {
    throw new OutOfMemoryError("Java heap space");
  }

  public static void throwState() {
    throw new IllegalStateException("closed", new RuntimeException("the cause"));
  }

  public static String property(String name) {
    return System.getProperty(name);
  }
}
