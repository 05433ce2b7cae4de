package org.pygpt.kernels;

/**
 * Mutable: some columns of the input and output vectors of all words, and word2vec's steps of
 * logistic regression on them, for one thread.
 *
 * <p>The input of a step, x, is the mean of some words' input vectors; its targets are output
 * vectors, y, with label 1 for a word that was there and 0 for one that was drawn. For each target
 * {@code g = rate * (label - sigmoid(x . y))}; to each of the input's vectors the sum of {@code g *
 * y} is added, and {@code g * x} to each target. Several kernels divide the columns among them:
 * each makes its part of the dot products of a batch, and once all have, each moves its columns by
 * their sums.
 *
 * @see <a href="https://arxiv.org/abs/1310.4546">Mikolov et al. 2013</a>
 */
public interface NegativeSampling {
  /** The most steps of a batch. */
  int MOST_STEPS = 512;

  /**
   * Immutable: steps [first, last) of a list, at most {@link #MOST_STEPS}; its arrays are shared.
   *
   * @param inputs numbers of words; those of step s are at [firstInputs[s], firstInputs[s + 1]), at
   *     least one
   * @param targets 2 * word + label; those of step s are at [firstTargets[s], firstTargets[s + 1])
   */
  record Batch(
      int[] inputs, int[] firstInputs, int[] targets, int[] firstTargets, int first, int last) {
    /** Where the batch's targets begin. */
    public int begin() {
      return firstTargets[first];
    }

    /** How many targets it has. */
    public int length() {
      return firstTargets[last] - begin();
    }
  }

  /** The first of this kernel's columns of a vector. */
  int begin();

  /** The column after this kernel's last one. */
  int end();

  /** Where in {@link #inputs} and {@link #outputs} this kernel's columns of a word begin. */
  int row(int word);

  /** Its columns of all input vectors, a row for each word; shared, zero at first. */
  float[] inputs();

  /** Likewise of all output vectors. */
  float[] outputs();

  /**
   * Makes the inputs of a batch, and what this kernel's columns add to their dot products with the
   * targets.
   *
   * @param dots a number for each target, from 0, overwritten
   */
  void look(Batch batch, float[] dots);

  /**
   * Moves this kernel's columns by the batch that was looked at last: one target after another, and
   * the input's words after its targets.
   *
   * @param dots those of each kernel, which are summed in this order
   */
  void move(Batch batch, float[][] dots, float rate);
}
