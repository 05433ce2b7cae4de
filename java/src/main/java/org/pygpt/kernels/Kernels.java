package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * What ops are made of: every computation on tensors, forward and backward side by side.
 *
 * <p>A backend implements all of it on {@link org.pygpt.tensor.Memory}; no op reads memory itself.
 * Tensors are planned for the largest batch, so each call names how many leading {@code rows} are
 * in use: rows = B * T. Arguments called {@code dX} receive gradients: they are overwritten, or
 * added to where {@code add} says so. A backend may keep scratch space, so one instance serves one
 * thread.
 */
public interface Kernels extends AutoCloseable {
  /** ε of RMSNorm, added to the mean square; microgpt's value. */
  double RMS_NORM_EPSILON = 1e-5;

  /** The name that users choose this backend by. */
  String name();

  /** What runs the products, for the one line that is logged: library and threads. */
  String description();

  /**
   * Matrix product c = op(a) @ op(b), or c += op(a) @ op(b).
   *
   * @param transposeA whether op(a) is a transposed; a is then stored as (k, m)
   * @param transposeB whether op(b) is b transposed; b is then stored as (n, k)
   * @param m rows of c
   * @param n columns of c
   * @param k inner dimension
   * @param add whether to add to c
   */
  void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      boolean add,
      Tensor c);

  /**
   * Token plus position embedding: out[b * T + t] = wte[ids[b * T + t]] + wpe[past + t].
   *
   * @param ids int32, one column, B * T rows
   * @param past positions before t = 0, already in the key/value cache
   */
  void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out);

  /** Adds dOut to the rows of dWte and dWpe that forward read (with past = 0). */
  void embeddingBackward(int B, int T, Tensor ids, Tensor dOut, Tensor dWte, Tensor dWpe);

  /**
   * RMSNorm without gain: out = x * rstd, rstd = 1 / sqrt(mean(x²) + ε), kept for backward.
   *
   * @param rstd one column
   * @see <a href="https://arxiv.org/abs/1910.07467">Zhang and Sennrich 2019</a>
   */
  void rmsNorm(int rows, Tensor x, Tensor out, Tensor rstd);

  /** Gradient of {@link #rmsNorm}: dX (+)= rstd * (dOut - out * mean(dOut * out)). */
  void rmsNormBackward(int rows, Tensor dOut, Tensor out, Tensor rstd, boolean add, Tensor dX);

  /** out = max(x, 0). */
  void relu(int rows, Tensor x, Tensor out);

  /** dX (+)= dOut where out > 0. */
  void reluBackward(int rows, Tensor dOut, Tensor out, boolean add, Tensor dX);

  /** out = a + b; out may be a. */
  void add(int rows, Tensor a, Tensor b, Tensor out);

  /** to = from, rows from {@code toRow} on. */
  void copy(int rows, Tensor from, Tensor to, int toRow);

  /**
   * Causal multi-head attention: query t attends to keys 0 .. past + t of its own sequence.
   *
   * <p>Sequence b owns rows b * T .. b * T + T - 1 of q and out, and as many of k and v plus {@code
   * past} (B is 1 where past is not 0). Head h owns columns h * D .. h * D + D - 1 of each, D = C /
   * H. Scores are scaled by 1 / sqrt(D).
   *
   * @param probabilities row (b * H + h) * T + t holds the softmax of query t over keys 0 .. past +
   *     t, for backward; later columns are not written
   * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</a>
   */
  void attention(
      int B,
      int T,
      int past,
      int H,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor probabilities);

  /** Gradient of {@link #attention} with past = 0; overwrites dQ, dK and dV. */
  void attentionBackward(
      int B,
      int T,
      int H,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor probabilities,
      Tensor dQ,
      Tensor dK,
      Tensor dV);

  /**
   * Mean cross-entropy of the targets, in nats, and its gradient with respect to the logits.
   *
   * @param targets int32, one column; a negative target is not scored
   * @param dLogits overwritten: (softmax(logits) - onehot(target)) / scored rows; may be logits
   * @return the mean over scored rows, 0 if there is none
   */
  double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits);

  /**
   * Adam, bias-corrected: m and v are moved, then weights -= rate * m̂ / (sqrt(v̂) + epsilon).
   *
   * @param step number of this update, from 1
   * @see <a href="https://arxiv.org/abs/1412.6980">Kingma and Ba 2014</a>
   */
  void adam(AdamStep step, Tensor weights, Tensor gradients, Tensor m, Tensor v);

  @Override
  default void close() {}
}
