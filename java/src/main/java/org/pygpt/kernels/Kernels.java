package org.pygpt.kernels;

import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * What ops are made of: every computation on tensors, forward and backward side by side.
 *
 * <p>A backend implements all of it on memory of its {@link #device}; no op reads memory itself.
 * Tensors are planned for the largest batch, so each call names how many leading {@code rows} are
 * in use: rows = B * T. Arguments called {@code dX} receive gradients: they are overwritten, or
 * added to where {@code add} says so. Tensors that may be null say so. A backend keeps scratch
 * space, so one thread at a time uses an instance.
 */
public interface Kernels extends AutoCloseable {
  /** The name that users choose this backend by. */
  String name();

  /** What runs the products, for the one line that is logged: library and threads. */
  String description();

  /** Where the memory lies that these kernels compute on. */
  Device device();

  // ---- linear layers ---------------------------------------------------------------------------

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
   * A copy of a rounded matrix that products of few rows read instead of it, since it is smaller;
   * null if this backend has none. It may only be used where these kernels are.
   */
  default PackedMatrix pack(QuantizedMatrix matrix) {
    return null;
  }

  /** Size in bytes of what {@link #pack} allocates. */
  default long packedBytes(WeightFormat format, int inputs, int outputs) {
    return 0;
  }

  /** Adds {@code bias}, one row, to each of the first {@code rows} rows of x. */
  void bias(int rows, Tensor bias, Tensor x);

  /** dBias (+)= the sum of the first {@code rows} rows of dX. */
  void biasBackward(int rows, Tensor dX, boolean add, Tensor dBias);

  // ---- embedding -------------------------------------------------------------------------------

  /**
   * Token plus position embedding: out[b * T + t] = wte[ids[b * T + t]] + wpe[past + t].
   *
   * @param ids int32, one column, B * T rows
   * @param wpe null for a model without learned positions
   * @param past positions before t = 0, already in the key/value cache
   */
  void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out);

  /**
   * Gradient of {@link #embedding} with past = 0.
   *
   * @param addWte whether to add to dWte rather than to overwrite all of it
   * @param dWte null where it is not wanted
   * @param addWpe likewise for dWpe, which may be null too
   */
  void embeddingBackward(
      int B,
      int T,
      Tensor ids,
      Tensor dOut,
      boolean addWte,
      Tensor dWte,
      boolean addWpe,
      Tensor dWpe);

  // ---- residual sums and norms -----------------------------------------------------------------

  /** sum = x + branch + bias; sum may be x or branch, bias may be null. */
  void residual(int rows, Tensor x, Tensor branch, Tensor bias, Tensor sum);

  /**
   * Layer norm or RMSNorm: out = (x - mean) * rstd * weight + bias, where RMSNorm has mean = 0.
   *
   * @param weight one row, or null for a gain of 1
   * @param bias one row, or null for none
   * @param statistics (rows, 2): mean and rstd = 1 / sqrt(variance + ε) of each row, for backward
   * @see <a href="https://arxiv.org/abs/1607.06450">Ba et al. 2016</a>
   * @see <a href="https://arxiv.org/abs/1910.07467">Zhang and Sennrich 2019</a>
   */
  void norm(
      NormSpec spec, int rows, Tensor x, Tensor weight, Tensor bias, Tensor out, Tensor statistics);

  /** {@link #residual}, then {@link #norm} of the sum. */
  default void residualNorm(
      NormSpec spec,
      int rows,
      Tensor x,
      Tensor branch,
      Tensor branchBias,
      Tensor sum,
      Tensor weight,
      Tensor bias,
      Tensor out,
      Tensor statistics) {
    residual(rows, x, branch, branchBias, sum);
    norm(spec, rows, sum, weight, bias, out, statistics);
  }

  /**
   * Gradient of {@link #norm}.
   *
   * @param addX whether to add to dX
   * @param addParameters whether to add to dWeight and dBias
   * @param dWeight null where there is no weight, or its gradient is not wanted
   * @param dBias likewise
   */
  void normBackward(
      NormSpec spec,
      int rows,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Tensor weight,
      boolean addX,
      Tensor dX,
      boolean addParameters,
      Tensor dWeight,
      Tensor dBias);

  // ---- element-wise ----------------------------------------------------------------------------

  /** out = activation(x + bias); bias may be null. */
  void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out);

  /**
   * Gradient of {@link #activation}; dX may be dOut unless the activation has a gate.
   *
   * @param addBias whether to add to dBias, which is null where there is no bias, or its gradient
   *     is not wanted
   */
  void activationBackward(
      Activation kind,
      int rows,
      Tensor x,
      Tensor bias,
      Tensor dOut,
      Tensor dX,
      boolean addBias,
      Tensor dBias);

  /**
   * Rotates the heads of x in place by their positions: with D columns a head, columns d and d +
   * D/2 turn by (past + row % T) * theta^(-2d/D).
   *
   * @param heads heads that lie side by side in x
   * @param angles (block_size, D): cosines, then sines, of each position
   * @param inverse whether to turn back, as backward does
   * @see <a href="https://arxiv.org/abs/2104.09864">Su et al. 2021</a>
   */
  void rotary(int rows, int T, int past, int heads, Tensor angles, boolean inverse, Tensor x);

  /**
   * out = (x + bias), each element kept with probability 1 - p and then divided by it; out may be
   * x. Which ones are kept depends on {@code key} and the element's place alone.
   *
   * @param bias may be null
   * @see <a href="https://jmlr.org/papers/v15/srivastava14a.html">Srivastava et al. 2014</a>
   */
  void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out);

  /** dX = dOut where forward kept the element, divided by 1 - p, else 0; dX may be dOut. */
  void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX);

  /** to = from, rows from {@code toRow} on. */
  void copy(int rows, Tensor from, Tensor to, int toRow);

  // ---- attention -------------------------------------------------------------------------------

  /**
   * Causal multi-head attention: query t attends to keys 0 .. past + t of its own sequence.
   *
   * <p>Sequence b owns rows b * T .. b * T + T - 1 of q and out, and as many of k and v plus {@code
   * past} (B is 1 where past is not 0). Head h owns columns h * D .. h * D + D - 1 of q and out, D
   * = C / H; with fewer heads in k and v, each serves H / kvHeads neighbouring ones of q. Scores
   * are scaled by 1 / sqrt(D). The scores of all queries, (T, T), are never in memory at once.
   *
   * @param kvHeads heads of k and v; divides H
   * @param mask drops probabilities; null for none
   * @param logSums (B * H, T): the logarithm of each query's sum of exponentials, for backward;
   *     null if there will be none
   * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</a>
   * @see <a href="https://arxiv.org/abs/2205.14135">Dao et al. 2022, for the recomputation</a>
   */
  void attention(
      int B,
      int T,
      int past,
      int H,
      int kvHeads,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums);

  /** Gradient of {@link #attention} with past = 0; overwrites dQ, dK and dV. */
  void attentionBackward(
      int B,
      int T,
      int H,
      int kvHeads,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums,
      Tensor dQ,
      Tensor dK,
      Tensor dV);

  // ---- loss and optimizer ----------------------------------------------------------------------

  /**
   * Mean cross-entropy of the targets, in nats, and its gradient with respect to the logits.
   *
   * @param targets int32, one column; a negative target is not scored
   * @param dLogits overwritten: (softmax(logits) - onehot(target)) / scored rows; may be logits;
   *     null for no gradient
   * @return the mean over scored rows, 0 if there is none
   */
  double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits);

  /**
   * Number of elements that {@link #sumOfSquares} sums by themselves, from the first on: where such
   * a block is zero, it may as well be left out, and no bit of the sum changes.
   */
  int squaresBlock();

  /** Sum of the squares of all elements, for the gradient's norm. */
  double sumOfSquares(Flat x);

  /**
   * AdamW, bias-corrected: with g = gradientScale * gradient, m and v are moved, then weights -=
   * rate * (m̂ / (sqrt(v̂) + ε) + decay * weights). All four are equally long.
   *
   * @see <a href="https://arxiv.org/abs/1412.6980">Kingma and Ba 2014</a>
   * @see <a href="https://arxiv.org/abs/1711.05101">Loshchilov and Hutter 2017</a>
   */
  void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v);

  @Override
  default void close() {}
}
