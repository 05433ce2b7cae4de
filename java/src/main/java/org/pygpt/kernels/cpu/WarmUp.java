package org.pygpt.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;

/**
 * Mutable: when a process turns from plain loops to vector bodies.
 *
 * <p>Vector code is slower than the interpreter's plain loops until C2 has compiled it, which takes
 * some hundred milliseconds. So every kernel has a plain loop, which C1 compiles within
 * milliseconds, and a vector body; a process begins with the loops, and once it has made a large
 * model or has proved to be long a thread of its own warms the vector bodies up, which serve from
 * then on. A run of a second on a tiny model never needs them. Both give the same bits, so that a
 * result does not depend on when a process changed from one to the other.
 *
 * <p>The bodies for numbers of fewer bits than float32 come second, in a process that asks for
 * them: others would wait for the compiler in vain.
 *
 * <p>The system property {@value #PROPERTY} forces the choice; see {@link Policy}.
 */
final class WarmUp {
  /** Name of the system property: auto, plain or vector. */
  static final String PROPERTY = "pygpt.vectors";

  /** How a process chooses. */
  enum Policy {
    /** Plain loops at first, vector bodies once the process has proved to be long. */
    AUTO,
    /** Plain loops for ever. */
    PLAIN,
    /** Vector bodies from the start, which takes a second longer. */
    VECTOR;

    /**
     * The policy of this name.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Policy of(String name) {
      for (Policy policy : values()) {
        if (policy.name().toLowerCase(Locale.ROOT).equals(name)) {
          return policy;
        }
      }
      throw new IllegalArgumentException(
          "system property " + PROPERTY + ": expected auto, plain or vector, got " + name);
    }
  }

  /** Multiply-adds, or equal work, after which a process is long enough for the warm-up to pay. */
  private static final long WORK_BEFORE_WARM_UP = 250_000_000;

  /** Weights of a model that is not read or made in less time than the warm-up takes of a core. */
  private static final long LARGE_MODEL = 4_000_000;

  /** During the warm-up, work after which plain loops make way for it, and for how long. */
  private static final long WORK_BETWEEN_PAUSES = 25_000_000;

  private static final long PAUSE_MS = 100;

  private static final int CALLS_PER_ROUND = 500;

  /** Compiled code is some 300 times as fast as the first round, which is mostly interpreted. */
  private static final int SPEED_UP = 150;

  /** Well past C2's thresholds, 5,000 calls with loops and 15,000 without, on any machine. */
  private static final int MOST_ROUNDS = 120;

  private static final int ROW = 64;

  private static volatile WarmUp process;

  private final Policy policy;
  private final CountDownLatch warm = new CountDownLatch(1);
  private volatile boolean ready;
  private volatile boolean started;
  private volatile boolean roundedReady;
  private volatile boolean roundedStarted;
  private volatile boolean roundedExpected;
  private long work;
  private long nextPause = WORK_BEFORE_WARM_UP;

  WarmUp(Policy policy) {
    this.policy = policy;
    if (policy == Policy.VECTOR) {
      start();
      await(Long.MAX_VALUE);
      roundedStarted = true;
      compileRounded();
    }
  }

  /** That of this process, whose code is compiled once; made by the system property. */
  static synchronized WarmUp ofProcess() {
    if (process == null) {
      process = new WarmUp(Policy.of(System.getProperty(PROPERTY, "auto")));
    }
    return process;
  }

  /** As {@link #roundedReady}, of this process; false where it has not begun to prepare any. */
  static boolean isProcessRoundedReady() {
    WarmUp current = process;
    return current != null && current.roundedReady();
  }

  Policy policy() {
    return policy;
  }

  /** Whether to use the vector bodies: they are compiled. */
  boolean ready() {
    return ready;
  }

  /**
   * Whether to use the vector bodies for numbers of fewer bits. They are warmed up after the
   * others, once somebody has asked or expects them.
   */
  boolean roundedReady() {
    if (ready && !roundedStarted) {
      startRounded();
    }
    return roundedReady;
  }

  /**
   * Whether a thread is warming vector bodies up. It and the compiler then need a core, so that a
   * machine with few is soon over it.
   */
  boolean running() {
    return started && !ready || roundedStarted && !roundedReady;
  }

  /**
   * Starts the warm-up for a large model, whose first step asks for more work than it waits for:
   * while the weights are read, and no step runs beside it.
   */
  void expect(long weights) {
    if (weights >= LARGE_MODEL && policy == Policy.AUTO) {
      start();
    }
  }

  /** Has the vector bodies for numbers of fewer bits warmed up right after the others. */
  void expectRounded() {
    roundedExpected = true;
    roundedReady();
  }

  /**
   * Counts work done by plain loops; starts the warm-up when there was enough, and then pauses now
   * and then: vector code is several times as fast, so that to have it early is worth more than the
   * little that plain loops do beside the compiler on a machine with few cores.
   *
   * @param multiplyAdds or work that takes as long
   */
  void count(long multiplyAdds) {
    if (!ready && policy != Policy.PLAIN) {
      work += multiplyAdds; // a race loses a little, which does not matter
      if (work >= nextPause) {
        if (started) {
          await(PAUSE_MS);
        } else {
          start();
        }
        nextPause = work + WORK_BETWEEN_PAUSES;
      }
    }
  }

  private void await(long millis) {
    try {
      warm.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void start() {
    if (!started) {
      started = true;
      startThread(this::compile);
    }
  }

  private synchronized void startRounded() {
    if (!roundedStarted) {
      roundedStarted = true;
      startThread(this::compileRounded);
    }
  }

  private static void startThread(Runnable work) {
    Thread thread = new Thread(work, "pygpt-warm-up");
    thread.setDaemon(true);
    thread.start();
  }

  private void compile() {
    try {
      float[] a = new float[64 * 64];
      float[] b = new float[64 * 64];
      float[] c = new float[64 * 64];
      float[] w = new float[ROW];
      float[] scratch = new float[ROW];
      repeat(call -> {
        int m = 1 + call % 16;
        SmallGemm.vector(a, 64, 1, b, 64, c, 64, m, columns(call), 16, call % 3 == 0);
        Softmax.forward(true, a, 16, 16, 16, 0.25f, w);
        Softmax.backward(true, a, b, 16, 16, 16, 0.25f, w);
        rows(a, b, c, w, scratch, call);
      });
      ready = true;
    } finally {
      warm.countDown();
    }
    if (roundedExpected) {
      startRounded();
    }
  }

  private void compileRounded() {
    try (Arena arena = Arena.ofShared()) { // of the kind that weights have
      int count = 2 * ROW * VectorMath.LANES;
      MemorySegment words = arena.allocate(count * (long) Integer.BYTES, Integer.BYTES);
      float[] x = new float[64 * 64];
      float[] scratch = new float[ROW];
      float[] tile = new float[Int4Tile.ROWS * TiledKernel.WIDTH];
      float[] group = new float[Int4Tile.ROWS * TiledKernel.WIDTH];
      int[] whole = new int[Terms.COUNT * ROW];
      byte[] digits = new byte[Terms.COUNT * ROW];
      short[] terms = new short[Terms.COUNT * ROW];
      AdamStep step = new AdamStep(0, 0, 0, 1, 0, 1, 1, 1);
      repeat(call -> {
        int n = columns(call);
        TiledKernel.int8(true, words, 0, x, 0, n, tile, tile);
        TiledKernel.bfloat16(true, words, 0, x, 0, n, tile, tile);
        Bfloat16.widen(true, words, 0, x, 0, n);
        Bfloat16.round(true, x, 0, words, 0, n);
        Bfloat16.round(true, step, call, x, words, 0, x, words, ROW, n);
        Int8HeadsKernel.vectorWiden(
            words, 0, 2 * ROW, words, n % 8 + 1, VectorMath.LANES, VectorMath.LANES);
        Int4Tile.prepare(true, x, 0, n, group, 0);
        int rows = 1 + call % Int4Tile.ROWS;
        Int4Tile.sums(true, words, 0, x, 0, Int4Tile.prepared(n), rows, n, tile, group);
        Terms.digits(true, x, n, Terms.unit(true, x, n), 0, whole, digits, ROW);
        Terms.join(true, words, 0, 4 * ROW, n, 1, scratch, 0, whole, x);
        float scale = Terms.byteScale(true, x, n);
        Terms.bytes(true, x, n, scale, TileCode.DIGIT_OFFSET, whole, digits);
        Terms.vectorJoinBytes(words, 0, words, 0, n / 16 * 16, scale, scratch, 0);
        Terms.split(true, x, n, terms, ROW);
        Terms.join(true, words, 0, 4 * ROW, n, scratch, x);
      });
    }
    roundedReady = true;
  }

  private static int columns(int call) {
    return 16 + call % 49;
  }

  /** Runs vector bodies until C2 has compiled them. */
  private static void repeat(IntConsumer bodies) {
    long firstNanos = 0;
    for (int round = 0; round < MOST_ROUNDS; round++) {
      long start = System.nanoTime();
      for (int call = 0; call < CALLS_PER_ROUND; call++) {
        bodies.accept(call);
      }
      long nanos = System.nanoTime() - start;
      firstNanos = Math.max(firstNanos, nanos);
      if (nanos < firstNanos / SPEED_UP) {
        return;
      }
    }
  }

  private static void rows(float[] a, float[] b, float[] c, float[] w, float[] scratch, int call) {
    int n = call % 2 == 0 ? ROW : ROW - 1;
    Arrays.fill(a, 0, 2 * ROW, 0.5f); // neither denormal nor infinite after many calls
    Arrays.fill(b, 0, 2 * ROW, 0.5f);
    Arrays.fill(c, 0, 2 * ROW, 0.5f);
    float[] lanes = new float[2 * VectorMath.LANES];
    float mean = VectorMath.sum(true, a, ROW, n, lanes) / n;
    VectorMath.sumOfSquares(true, a, ROW, n, mean, lanes);
    NormKernel.normalize(true, a, ROW, n, mean, 1, w, w);
    NormKernel.backward(true, call % 3 != 0, b, a, ROW, n, mean, 1, w, c, c, lanes);
    VectorMath.add(true, a, 0, c, ROW, n);
    VectorMath.max(true, b, n);
    VectorMath.expAndSum(true, b, n, 1, lanes);
    VectorMath.scale(true, b, n, 0.5f);
    for (Activation kind : Activation.VECTORISED) {
      if (kind == Activation.SWIGLU) {
        ActivationKernel.gated(true, a, 0, b, 0, scratch, n);
        ActivationKernel.gatedBackward(true, a, 0, c, 0, scratch, n);
      } else {
        ActivationKernel.forward(true, kind, a, scratch, n);
        ActivationKernel.backward(true, kind, a, b, scratch, n);
      }
    }
  }
}
