package org.pygpt.python;

import java.math.BigInteger;

/**
 * Mutable: NumPy's {@code Generator(PCG64(SeedSequence(seed, spawn_key=(number,))))}: each pair of
 * seed and number has a stream of its own.
 *
 * @see <a href="https://www.pcg-random.org/paper.html">O'Neill 2014</a>
 * @see <a href="https://numpy.org/doc/stable/reference/random/bit_generators">SeedSequence and
 *     PCG64 in NumPy</a>
 */
public final class NumpyRandom {
  private static final int POOL = 4; // words of a SeedSequence
  private static final long MULTIPLIER_HIGH = 0x2360ed051fc65da4L; // PCG64's, 128 bits
  private static final long MULTIPLIER_LOW = 0x4385df649fccf645L;

  private long high; // the state, 128 bits
  private long low;
  private final long incrementHigh;
  private final long incrementLow;
  private int upper; // the half of a draw that is left for the next 32 bits
  private boolean hasUpper;

  /**
   * The stream of a seed's number.
   *
   * @param seed any whole number, of which the lowest 64 bits count
   * @param number not negative
   */
  public NumpyRandom(BigInteger seed, long number) {
    long[] words = seedSequence(seed, number, 4);
    incrementHigh = words[2] << 1 | words[3] >>> 63;
    incrementLow = words[3] << 1 | 1;
    step();
    low += words[1];
    high += words[0] + (Long.compareUnsigned(low, words[1]) < 0 ? 1 : 0);
    step();
  }

  /** The first words of 64 bits that the sequence of a seed and a number gives. */
  public static long[] seedSequence(BigInteger seed, long number, int count) {
    int[] entropy = new int[POOL + (number >>> 32 == 0 ? 1 : 2)];
    entropy[0] = seed.intValue();
    entropy[1] = (int) (seed.longValue() >>> 32);
    entropy[POOL] = (int) number;
    if (number >>> 32 != 0) {
      entropy[POOL + 1] = (int) (number >>> 32);
    }
    int[] pool = mixed(entropy);
    long[] words = new long[count];
    int multiplier = 0x8b51f9dd;
    for (int i = 0; i < 2 * count; i++) {
      int value = pool[i % POOL] ^ multiplier;
      multiplier *= 0x58f38ded;
      value *= multiplier;
      value ^= value >>> 16;
      words[i / 2] |= (value & 0xffffffffL) << 32 * (i % 2);
    }
    return words;
  }

  private static int[] mixed(int[] entropy) {
    int[] pool = new int[POOL];
    int[] multiplier = {0x43b0d7e5};
    for (int i = 0; i < POOL; i++) {
      pool[i] = hash(entropy[i], multiplier);
    }
    for (int from = 0; from < POOL; from++) {
      for (int to = 0; to < POOL; to++) {
        if (from != to) {
          pool[to] = mix(pool[to], hash(pool[from], multiplier));
        }
      }
    }
    for (int from = POOL; from < entropy.length; from++) {
      for (int to = 0; to < POOL; to++) {
        pool[to] = mix(pool[to], hash(entropy[from], multiplier));
      }
    }
    return pool;
  }

  private static int hash(int value, int[] multiplier) {
    value ^= multiplier[0];
    multiplier[0] *= 0x931e8875;
    value *= multiplier[0];
    return value ^ value >>> 16;
  }

  private static int mix(int x, int y) {
    int mixed = 0xca01f9dd * x - 0x4973f715 * y;
    return mixed ^ mixed >>> 16;
  }

  private void step() {
    long product = low * MULTIPLIER_LOW;
    long carried = Math.unsignedMultiplyHigh(low, MULTIPLIER_LOW);
    high = high * MULTIPLIER_LOW + low * MULTIPLIER_HIGH + carried + incrementHigh;
    low = product + incrementLow;
    high += Long.compareUnsigned(low, product) < 0 ? 1 : 0;
  }

  private long next64() {
    step();
    return Long.rotateRight(high ^ low, (int) (high >>> 58));
  }

  private long next32() {
    if (hasUpper) {
      hasUpper = false;
      return upper & 0xffffffffL;
    }
    long drawn = next64();
    upper = (int) (drawn >>> 32);
    hasUpper = true;
    return drawn & 0xffffffffL;
  }

  /**
   * A whole number in [0, bound), as {@code integers(0, bound)} draws it.
   *
   * @see <a href="https://arxiv.org/abs/1805.10941">Lemire 2019</a>
   */
  public long below(long bound) {
    if (bound == 1) {
      return 0;
    }
    if (bound == 1L << 32) {
      return next32();
    }
    if (bound > 1L << 32) {
      return below64(bound);
    }
    long product = next32() * bound;
    if ((product & 0xffffffffL) < bound) {
      long least = ((1L << 32) - bound) % bound;
      while ((product & 0xffffffffL) < least) {
        product = next32() * bound;
      }
    }
    return product >>> 32;
  }

  private long below64(long bound) {
    long drawn = next64();
    if (Long.compareUnsigned(drawn * bound, bound) < 0) {
      long least = Long.remainderUnsigned(-bound, bound);
      while (Long.compareUnsigned(drawn * bound, least) < 0) {
        drawn = next64();
      }
    }
    return Math.unsignedMultiplyHigh(drawn, bound);
  }

  /** 0 to {@code count} - 1 in a random order, that of {@code permutation(count)}. */
  public int[] permutation(int count) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = i;
    }
    for (int i = count - 1; i > 0; i--) {
      int mask = -1 >>> Integer.numberOfLeadingZeros(i); // bits are drawn until they are small
      int j = (int) next32() & mask;
      while (j > i) {
        j = (int) next32() & mask;
      }
      int kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }
}
