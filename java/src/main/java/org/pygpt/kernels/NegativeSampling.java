package org.pygpt.kernels;

/**
 * Mutable: steps of word2vec's logistic regression on rows of float arrays, for one thread.
 *
 * <p>Rows are as wide as the kernel says; what a vector's own size leaves of that is zero and stays
 * zero.
 *
 * @see <a href="https://arxiv.org/abs/1310.4546">Mikolov et al. 2013</a>
 */
public interface NegativeSampling {
  /** Floats from one row to the next, at least the size of a vector. */
  int width();

  /** Where in the arrays of rows a row begins. */
  int row(int id);

  /**
   * One input and its targets, one after another: with {@code s = sigmoid(input . output)} and
   * {@code g = rate * (label - s)}, {@code gradient += g * output}, then {@code output += g *
   * input}. The gradient begins at zero; the caller adds it to what the input was made of.
   *
   * @param inputs has the input at {@code input}, read
   * @param outputs rows, added to
   * @param targets 2 * row + label, of which [from, to) are this input's; label 1 for a word that
   *     was there
   * @param gradient (width) at {@code at}, overwritten
   */
  void step(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at);

  /** to[j .. j + n) += from[i .. i + n); i, j and n are such as {@link #column} gives. */
  void add(float[] from, int i, float[] to, int j, int n);

  /**
   * The mean of some rows in the columns [column, column + n): out[at .. at + n).
   *
   * @param ids of rows, of which [from, to) count, at least one
   */
  void mean(float[] rows, int[] ids, int from, int to, int column, float[] out, int at, int n);

  /** Adds gradient[at .. at + n) to the columns [column, column + n) of some rows; see mean. */
  void addToAll(
      float[] gradient, int at, float[] rows, int[] ids, int from, int to, int column, int n);

  /** Where part {@code index} of about equal {@code parts} of a row's columns begins. */
  int column(int index, int parts);
}
