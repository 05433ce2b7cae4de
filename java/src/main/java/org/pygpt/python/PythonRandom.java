package org.pygpt.python;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.commons.math3.random.MersenneTwister;

/**
 * Mutable: the stream of Python's {@code random.Random(seed)}, for an integer seed.
 *
 * <p>The generator is commons-math's Mersenne Twister, MT19937. Every method takes as many of its
 * numbers as CPython's method of the same name, in the same order, and computes the same double of
 * them.
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
  private final MersenneTwister twister;
  private double nextGauss = Double.NaN; // not a number: there is none

  /** The stream of {@code random.Random(seed)}. */
  public PythonRandom(long seed) {
    this(BigInteger.valueOf(seed));
  }

  /** The stream of {@code random.Random(seed)}; a seed and its negative give the same. */
  public PythonRandom(BigInteger seed) {
    int[] key = new int[Math.max(1, (seed.abs().bitLength() + 31) / 32)]; // base 2^32
    Arrays.setAll(key, i -> seed.abs().shiftRight(32 * i).intValue());
    twister = new MersenneTwister(key);
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  public double random() {
    long high = twister.nextInt() >>> 5; // 27 bits
    long low = twister.nextInt() >>> 6; // 26 bits
    return (high << 26 | low) * 0x1p-53;
  }

  /** A whole number of {@code count} random bits, 1 to 31 of them. */
  int getrandbits(int count) {
    return twister.nextInt() >>> 32 - count;
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
