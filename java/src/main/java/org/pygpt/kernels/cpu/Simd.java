package org.pygpt.kernels.cpu;

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
 * on a tiny model never needs them.
 */
final class Simd {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LANES = SPECIES.length();

  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;

  /** Multiply-adds, or equal work, after which a process is long enough for the warm-up to pay. */
  private static final long WORK_BEFORE_WARM_UP = 400_000_000;

  private static final float LOG2_E = 1.44269504f;
  private static final float ROUND = 12582912f; // 1.5 * 2^23: adding it rounds to an integer
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float EXP_MIN = -87.3f; // below, the result is denormal: 0 is returned
  private static final float EXP_MAX = 88.7f;

  // exp(r) for |r| <= ln(2) / 2, of S. L. Moshier's Cephes library (expf): 2 ulp
  private static final float E6 = 1.9875691500e-4f;
  private static final float E5 = 1.3981999507e-3f;
  private static final float E4 = 8.3334519073e-3f;
  private static final float E3 = 4.1665795894e-2f;
  private static final float E2 = 1.6666665459e-1f;
  private static final float E1 = 5.0000001201e-1f;

  private static volatile boolean ready;
  private static boolean warmingUp;
  private static long work;

  private Simd() {}

  /** Whether the vector bodies are compiled. */
  static boolean ready() {
    return ready;
  }

  /** Counts work done by plain loops; starts the warm-up when there was enough. */
  static void count(long multiplyAdds) {
    if (!ready) {
      work += multiplyAdds; // a race loses a little, which does not matter
      if (work >= WORK_BEFORE_WARM_UP) {
        warmUp();
      }
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
              },
              "pygpt-warm-up");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** e^x to 2 ulp; 0 below -87.3, e^88.7 above that. */
  static float exp(float x) {
    float y = Math.min(Math.max(x, EXP_MIN), EXP_MAX);
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
    FloatVector y = x.max(EXP_MIN).min(EXP_MAX);
    FloatVector t = y.fma(broadcast(LOG2_E), broadcast(ROUND));
    FloatVector n = t.sub(ROUND);
    FloatVector r = n.fma(broadcast(-LN2_LOW), n.fma(broadcast(-LN2_HIGH), y));
    FloatVector p = broadcast(E6).fma(r, broadcast(E5));
    p = p.fma(r, broadcast(E4));
    p = p.fma(r, broadcast(E3));
    p = p.fma(r, broadcast(E2));
    p = p.fma(r, broadcast(E1));
    p = p.fma(r.mul(r), r).add(1);
    IntVector bits = p.reinterpretAsInts();
    bits = bits.add(t.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23));
    return bits.reinterpretAsFloats().blend(0, x.compare(VectorOperators.LT, EXP_MIN));
  }

  static float sigmoid(float x) {
    return 1 / (1 + exp(-x));
  }

  static FloatVector sigmoid(FloatVector x) {
    return broadcast(1).div(exp(x.neg()).add(1));
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

  static IntVector ints(int value) {
    return IntVector.broadcast(INTS, value);
  }
}
