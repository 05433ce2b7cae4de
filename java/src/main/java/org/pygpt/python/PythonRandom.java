package org.pygpt.python;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Mutable: the stream of Python's {@code random.Random(seed)}, for an integer seed.
 *
 * <p>The generator is the Mersenne Twister MT19937. Every method takes as many of its numbers as
 * CPython's method of the same name, in the same order, and computes the same double of them.
 *
 * <pre>{@code
 * PythonRandom random = new PythonRandom(42);
 * random.random(); // 0.6394267984578837, as Python has it
 * }</pre>
 *
 * @see <a href="https://doi.org/10.1145/272991.272995">Matsumoto and Nishimura 1998</a>
 * @see <a href="https://github.com/python/cpython/blob/3.11/Modules/_randommodule.c">seed, random,
 *     getrandbits in CPython</a>
 * @see <a href="https://github.com/python/cpython/blob/3.11/Lib/random.py">gauss, shuffle in
 *     CPython</a>
 */
public final class PythonRandom {
  // MT19937's numbers, named as in the paper.
  private static final int N = 624;
  private static final int M = 397;
  private static final int UPPER_MASK = 0x80000000;
  private static final int LOWER_MASK = 0x7fffffff;
  private static final int MATRIX_A = 0x9908b0df;

  private final int[] state = new int[N];
  private int next = N;
  private double nextGauss = Double.NaN; // not a number: there is none

  /** The stream of {@code random.Random(seed)}. */
  public PythonRandom(long seed) {
    this(BigInteger.valueOf(seed));
  }

  /** The stream of {@code random.Random(seed)}; a seed and its negative give the same. */
  public PythonRandom(BigInteger seed) {
    int[] key = new int[Math.max(1, (seed.abs().bitLength() + 31) / 32)]; // base 2^32
    Arrays.setAll(key, i -> seed.abs().shiftRight(32 * i).intValue());
    initialize(key);
  }

  /** {@code init_by_array} of the authors' mt19937ar.c of 2002. */
  private void initialize(int[] key) {
    state[0] = 19650218;
    for (int i = 1; i < N; i++) {
      state[i] = 1812433253 * mixed(i - 1) + i;
    }
    int i = 1;
    for (int k = 0; k < Math.max(N, key.length); k++) {
      int j = k % key.length;
      state[i] = (state[i] ^ mixed(i - 1) * 1664525) + key[j] + j;
      i = following(i);
    }
    for (int k = 1; k < N; k++) {
      state[i] = (state[i] ^ mixed(i - 1) * 1566083941) - i;
      i = following(i);
    }
    state[0] = UPPER_MASK;
  }

  private int mixed(int i) {
    return state[i] ^ state[i] >>> 30;
  }

  /** The index after i: from the last one on to 1, and the last number is then also number 0. */
  private int following(int i) {
    if (i < N - 1) {
      return i + 1;
    }
    state[0] = state[N - 1];
    return 1;
  }

  /** The next 32 random bits. */
  private int bits32() {
    if (next == N) {
      twist();
      next = 0;
    }
    int y = state[next++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >>> 18;
  }

  private void twist() {
    for (int i = 0; i < N; i++) {
      int y = state[i] & UPPER_MASK | state[(i + 1) % N] & LOWER_MASK;
      state[i] = state[(i + M) % N] ^ y >>> 1 ^ ((y & 1) == 0 ? 0 : MATRIX_A);
    }
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  public double random() {
    long high = bits32() >>> 5; // 27 bits
    long low = bits32() >>> 6; // 26 bits
    return (high << 26 | low) * 0x1p-53;
  }

  /** A whole number of {@code count} random bits, 1 to 31 of them. */
  int getrandbits(int count) {
    return bits32() >>> 32 - count;
  }

  /** A whole number in [0, bound): bits are drawn until they are one. */
  int randrange(int bound) {
    int count = 32 - Integer.numberOfLeadingZeros(bound);
    int drawn = getrandbits(count);
    while (drawn >= bound) {
      drawn = getrandbits(count);
    }
    return drawn;
  }

  /**
   * A number of the normal distribution.
   *
   * <p>Normal numbers come in pairs; the second one is kept for the next call.
   *
   * @param mean of the distribution
   * @param deviation standard deviation
   * @see <a href="https://doi.org/10.1214/aoms/1177706645">Box and Muller 1958</a>
   */
  public double gauss(double mean, double deviation) {
    double z = nextGauss;
    if (Double.isNaN(z)) {
      double angle = random() * (2 * Math.PI);
      double radius = Math.sqrt(-2 * LibraryMath.LOG.of(1 - random()));
      z = LibraryMath.COS.of(angle) * radius;
      nextGauss = LibraryMath.SIN.of(angle) * radius;
    } else {
      nextGauss = Double.NaN;
    }
    return mean + z * deviation;
  }

  /** Puts the items in a random order, in place (Fisher and Yates). */
  public void shuffle(List<?> items) {
    for (int i = items.size() - 1; i > 0; i--) {
      Collections.swap(items, i, randrange(i + 1));
    }
  }
}
