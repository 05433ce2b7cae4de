package org.pygpt.vectors;

/**
 * Immutable: how word vectors are trained; the names are those of Python's {@code Word2VecConfig}.
 *
 * @param size of a vector
 * @param window the farthest distance of two words that count as neighbours
 * @param negative how many drawn words a word is told from
 * @param sample words of a larger share than about this are left out now and then; 0 for never
 * @param nsExponent to whose power the frequency of a drawn word goes
 * @param alpha the first learning rate
 * @param minAlpha the last one
 * @param skipGram whether a neighbour foretells the word, rather than their mean
 * @param parts of the vectors' columns, at least 2; results depend on it
 * @param threads at most as many as parts; results do not depend on it
 */
public record WordVectorConfig(
    int size,
    int window,
    int negative,
    double sample,
    double nsExponent,
    double alpha,
    double minAlpha,
    int epochs,
    long seed,
    boolean skipGram,
    int parts,
    int threads) {

  /** Checks what would lead to nonsense. */
  public WordVectorConfig {
    if (size < 1 || window < 1 || negative < 1 || epochs < 1 || parts < 2 || threads < 1) {
      throw new IllegalArgumentException(
          "size, window, negative, epochs, threads: expected at least 1, parts at least 2");
    }
  }
}
