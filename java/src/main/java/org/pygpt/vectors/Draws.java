package org.pygpt.vectors;

/**
 * Mutable: random numbers by SplitMix64, a stream for each place of a run.
 *
 * @see <a href="https://doi.org/10.1145/2660193.2660195">Steele, Lea and Flood 2014</a>
 */
final class Draws {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private long state;

  /** The stream of a seed and of the numbers that say where it is used. */
  Draws(long seed, long... place) {
    state = mixed(seed);
    for (long number : place) {
      state = mixed(state + GOLDEN * (number + 1));
    }
  }

  /** 64 random bits. */
  long bits() {
    state += GOLDEN;
    return mixed(state);
  }

  /** A whole number in [0, bound), for bounds that are small beside 2^32. */
  int below(int bound) {
    return (int) ((bits() >>> 32) * bound >>> 32);
  }

  private static long mixed(long z) {
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
