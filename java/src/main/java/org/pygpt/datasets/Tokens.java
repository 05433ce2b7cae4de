package org.pygpt.datasets;

/** Immutable: a long row of token ids. */
public interface Tokens {
  /** How many there are. */
  long count();

  /** The id at a place. */
  int get(long place);

  /** The ids of an array, shared. */
  static Tokens of(int... ids) {
    return new Tokens() {
      @Override
      public long count() {
        return ids.length;
      }

      @Override
      public int get(long place) {
        return ids[(int) place];
      }
    };
  }
}
