package org.pygpt.kernels;

/**
 * Random words by number: a hash of a key and an element's number, so that any thread may draw any
 * part, in any order, and finds the same. It is lowbias32 of Chris Wellons' hash prospector, on
 * 32-bit words, which vector units have.
 *
 * @see <a href="https://nullprogram.com/blog/2018/07/31/">Wellons 2018</a>
 */
public final class CounterHash {
  /**
   * What the two products of the hash multiply by, after shifts by 16 and 15, and before one by 16.
   */
  public static final int FIRST_FACTOR = 0x7feb352d;

  public static final int SECOND_FACTOR = 0x846ca68b;

  private CounterHash() {}

  /** The key that stands for {@code number}. */
  public static int key(long number) {
    return hash((int) number ^ hash((int) (number >>> 32)));
  }

  /** The word of an element. */
  public static int word(int key, long element) {
    return hash((int) element ^ block(key, element));
  }

  /** The words of {@code count} elements from {@code first} on. */
  public static void words(int key, long first, int[] words, int count) {
    if (first >>> 32 != first + count - 1 >>> 32) {
      for (int i = 0; i < count; i++) {
        words[i] = word(key, first + i);
      }
      return;
    }
    int low = (int) first;
    int block = block(key, first);
    for (int i = 0; i < count; i++) {
      words[i] = hash(low + i ^ block);
    }
  }

  /**
   * The key of an element's block of 2³² elements: a word is the hash of it xor the number's rest.
   */
  public static int block(int key, long element) {
    int block = (int) (element >>> 32);
    return block == 0 ? key : hash(key + block);
  }

  private static int hash(int x) {
    x ^= x >>> 16;
    x *= FIRST_FACTOR;
    x ^= x >>> 15;
    x *= SECOND_FACTOR;
    return x ^ x >>> 16;
  }
}
