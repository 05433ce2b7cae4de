package org.pygpt.kernels.cpu;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * When to use the Vector API, and the functions that it lacks.
 *
 * <p>Vector code is slower than the interpreter's plain loops until C2 has compiled it, which takes
 * some hundred milliseconds. So every kernel has a plain loop, which C1 compiles within
 * milliseconds, and a vector body; a process begins with the loops, and once it has proved to be
 * long a thread of its own warms the vector bodies up, which serve from then on. A run of a second
 * on a tiny model never needs them. Both give the same bits, so that a result does not depend on
 * when a process changed from one to the other; a plain sum therefore adds in the vectors' order.
 *
 * <p>C2 has to compile a vector loop as a whole: a call that it does not inline boxes its vectors,
 * and it inlines no more once a method has some 18,000 nodes, which three dozen vector operations
 * make, nor what the profile shows as rare. So each loop is a short method of its own, whose name
 * begins with {@code vector}; it is called only where there is a whole vector to do, so that calls
 * of the plain phase do not count in its profile; and a flag of the JVM keeps it out of its
 * callers: {@code -XX:CompileCommand=dontinline,org.pygpt.kernels.cpu.*::vector*}. Without the flag
 * results are the same, and some loops several times as slow.
 */
final class Simd {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LANES = SPECIES.length();

  /** Multiply-adds, or equal work, after which a process is long enough for the warm-up to pay. */
  private static final long WORK_BEFORE_WARM_UP = 250_000_000;

  /** During the warm-up, work after which plain loops make way for it, and for how long. */
  private static final long WORK_BETWEEN_PAUSES = 25_000_000;

  private static final long PAUSE_MS = 100;

  private static final float LOG2_E = 1.44269504f;
  private static final float ROUND = 12582912f; // 1.5 * 2^23: adding it rounds to an integer
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float EXP_MIN = -87.3f; // below, the result is denormal: 0 is returned
  private static final float EXP_MAX = 87; // so that 1 / (1 + e^x) is not denormal, which is slow

  // exp(r) for |r| <= ln(2) / 2, of S. L. Moshier's Cephes library (expf): 2 ulp
  private static final float E6 = 1.9875691500e-4f;
  private static final float E5 = 1.3981999507e-3f;
  private static final float E4 = 8.3334519073e-3f;
  private static final float E3 = 4.1665795894e-2f;
  private static final float E2 = 1.6666665459e-1f;
  private static final float E1 = 5.0000001201e-1f;

  // the same as vectors, made once
  private static final FloatVector V_LOG2_E = broadcast(LOG2_E);
  private static final FloatVector V_ROUND = broadcast(ROUND);
  private static final FloatVector V_LN2_HIGH = broadcast(-LN2_HIGH);
  private static final FloatVector V_LN2_LOW = broadcast(-LN2_LOW);
  private static final FloatVector V_MIN = broadcast(EXP_MIN);
  private static final FloatVector V_MAX = broadcast(EXP_MAX);
  private static final FloatVector V6 = broadcast(E6);
  private static final FloatVector V5 = broadcast(E5);
  private static final FloatVector V4 = broadcast(E4);
  private static final FloatVector V3 = broadcast(E3);
  private static final FloatVector V2 = broadcast(E2);
  private static final FloatVector V1 = broadcast(E1);
  static final FloatVector ONE = broadcast(1);
  private static final FloatVector ZERO = broadcast(0); // no sum may begin with it: it would box

  private static final CountDownLatch WARM = new CountDownLatch(1);
  private static volatile boolean ready;
  private static volatile boolean warmingUp;
  private static long work;
  private static long nextPause = WORK_BEFORE_WARM_UP;

  private Simd() {}

  /** Whether the vector bodies are compiled. */
  static boolean ready() {
    return ready;
  }

  /**
   * Whether a thread is warming the vector bodies up. It and the compiler then need a core, so that
   * a machine with few is soon over it.
   */
  static boolean warmingUp() {
    return warmingUp && !ready;
  }

  /**
   * Counts work done by plain loops; starts the warm-up when there was enough, and then pauses now
   * and then: vector code is several times as fast, so that to have it early is worth more than the
   * little that plain loops do beside the compiler on a machine with few cores.
   */
  static void count(long multiplyAdds) {
    if (!ready) {
      work += multiplyAdds; // a race loses a little, which does not matter
      if (work >= nextPause) {
        if (warmingUp) {
          pause();
        } else {
          warmUp();
        }
        nextPause = work + WORK_BETWEEN_PAUSES;
      }
    }
  }

  private static void pause() {
    try {
      WARM.await(PAUSE_MS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static synchronized void warmUp() {
    if (!warmingUp) {
      warmingUp = true;
      Thread thread =
          new Thread(
              () -> {
                WarmUp.run();
                ready = true;
                WARM.countDown();
              },
              "pygpt-warm-up");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** e^x to 2 ulp; 0 below -87.3, e^87 above 87. */
  static float exp(float x) {
    float y = x > EXP_MAX ? EXP_MAX : x;
    float t = Math.fma(y, LOG2_E, ROUND);
    float n = t - ROUND;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, y));
    float p = Math.fma(E6, r, E5);
    p = Math.fma(p, r, E4);
    p = Math.fma(p, r, E3);
    p = Math.fma(p, r, E2);
    p = Math.fma(p, r, E1);
    p = Math.fma(p, r * r, r) + 1;
    int bits = Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(t) << 23); // p * 2^n
    return x < EXP_MIN ? 0 : Float.intBitsToFloat(bits);
  }

  /** {@link #exp(float)} of each lane, with the same bits. */
  static FloatVector exp(FloatVector x) {
    // comparisons, since min and max of floats take half a dozen instructions for NaN and -0
    FloatVector y = x.blend(V_MAX, x.compare(VectorOperators.GT, V_MAX));
    FloatVector t = y.fma(V_LOG2_E, V_ROUND);
    FloatVector n = t.sub(V_ROUND);
    FloatVector r = n.fma(V_LN2_LOW, n.fma(V_LN2_HIGH, y));
    FloatVector p = V6.fma(r, V5).fma(r, V4).fma(r, V3).fma(r, V2).fma(r, V1);
    p = p.fma(r.mul(r), r).add(ONE);
    IntVector bits = p.reinterpretAsInts();
    bits = bits.add(t.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23));
    return bits.reinterpretAsFloats().blend(ZERO, x.compare(VectorOperators.LT, V_MIN));
  }

  static float sigmoid(float x) {
    return 1 / (1 + exp(-x));
  }

  static FloatVector sigmoid(FloatVector x) {
    return ONE.div(exp(x.neg()).add(ONE));
  }

  static FloatVector broadcast(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  static FloatVector load(float[] array, int index) {
    return FloatVector.fromArray(SPECIES, array, index);
  }

  /** The first index of [0, n) that whole vectors do not reach; 0 where vectors are not used. */
  static int bound(boolean vectors, int n) {
    return vectors ? SPECIES.loopBound(n) : 0;
  }

  /**
   * The sum of one number a lane, from the first to the last. (The sum across lanes of the Vector
   * API has no defined order.) Sums are kept by lane in plain loops too, so that a run has the same
   * bits whenever the vector bodies take over.
   */
  static float sum(float[] lanes, int at) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) {
      sum += lanes[at + lane];
    }
    return sum;
  }
}
