package org.pygpt.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * What ops are made of: every computation on tensors, forward and backward side by side.
 *
 * <p>A backend implements all of it on memory of its {@link #device}; no op reads memory itself.
 * Tensors are planned for the largest batch, so each call names how many leading {@code rows} are
 * in use: rows = B * T. Arguments called {@code dX} receive gradients: they are overwritten, or
 * added to where a {@link Gradient} says so. Tensors that may be null say so. A backend keeps
 * scratch space, so one thread at a time uses an instance.
 */
public interface Kernels extends AutoCloseable {
  /** The name that users choose this backend by. */
  String name();

  /** What runs the products, for the one line that is logged: library and threads. */
  String description();

  /** Where the memory lies that these kernels compute on. */
  Device device();

  /** Tells that a model of so many weights was made, so that a large one's code may be compiled. */
  default void expect(long weights) {}

  // ---- linear layers ---------------------------------------------------------------------------

  /**
   * Passes if these kernels multiply matrices of bfloat16, and faster than those of float32.
   *
   * @throws IllegalArgumentException if they do not; the message says why
   */
  default void requireBfloat16() {
    throw new IllegalArgumentException(
        "dtype: expected float32 on backend " + name() + " (bfloat16 needs cpu), got bfloat16");
  }

  /**
   * Matrix product c = op(a) @ op(b), or c += op(a) @ op(b). Where a and b are bfloat16, sums are
   * float32, and c is either.
   */
  void gemm(MatMul shape, Tensor a, Tensor b, Tensor c);

  /** How many elements apart rows of so many columns had better lie, for products with them. */
  default int rowStride(DType dtype, int columns) {
    return columns;
  }

  /** Most rows of a step of generation in which each has the same bits as it would have alone. */
  default int rowsAlike() {
    return 1;
  }

  /**
   * A copy of a quantized matrix that products of few rows read instead of it, since it is smaller;
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
  void biasBackward(int rows, Tensor dX, Gradient dBias);

  // ---- embedding -------------------------------------------------------------------------------

  /**
   * Token plus position embedding: out[b * T + t] = wte[ids[b * T + t]] + wpe[past + t].
   *
   * @param ids int32, one column, B * T rows
   * @param wpe null for a model without learned positions
   */
  void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out);

  /**
   * Gradient of {@link #embedding} with past = 0.
   *
   * @param dWte null if the token embedding is frozen; where it does not add, all of it is
   *     overwritten
   * @param dWpe null without learned positions, or if they are frozen
   */
  void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe);

  // ---- residual sums and norms -----------------------------------------------------------------

  /** sum = x + branch + bias; see {@link Residual}. */
  void residual(int rows, Residual residual);

  /**
   * Layer norm or RMSNorm: out = (x - mean) * rstd * weight + bias, where RMSNorm has mean = 0.
   *
   * @param statistics (rows, 2): mean and rstd = 1 / sqrt(variance + ε) of each row, for backward
   * @see <a href="https://arxiv.org/abs/1607.06450">Ba et al. 2016</a>
   * @see <a href="https://arxiv.org/abs/1910.07467">Zhang and Sennrich 2019</a>
   */
  void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics);

  /** {@link #residual}, then {@link #norm} of the sum. */
  default void residualNorm(int rows, Residual residual, Norm norm, Tensor out, Tensor statistics) {
    residual(rows, residual);
    norm(rows, norm, residual.sum(), out, statistics);
  }

  /**
   * Gradient of {@link #norm}.
   *
   * @param dWeight null where there is no weight, or it is frozen
   * @param dBias null where there is no bias, or it is frozen
   */
  void normBackward(
      int rows,
      Norm norm,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Gradient dX,
      Gradient dWeight,
      Gradient dBias);

  // ---- element-wise ----------------------------------------------------------------------------

  /** out = activation(x + bias); bias may be null. */
  void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out);

  /**
   * Gradient of {@link #activation}; dX may be dOut unless the activation has a gate.
   *
   * @param dBias null where there is no bias, or it is frozen
   */
  void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias);

  /** out = factor * x; out may be x. */
  void scale(int rows, double factor, Tensor x, Tensor out);

  /**
   * Rotates the heads of x in place by their positions: columns d and d + R/2 of each head turn by
   * the angle that the table has for position past + row % T; others stay. The table may hold
   * cosines and sines that are scaled alike.
   *
   * @see <a href="https://arxiv.org/abs/2104.09864">Su et al. 2021</a>
   */
  void rotary(Rotation rotation, Positions positions, Tensor x);

  /**
   * out = (x + bias), each element kept with probability 1 - p and then divided by it; out may be
   * x. Which ones are kept depends on the mask's key and the element's place alone.
   *
   * @param bias may be null
   * @see <a href="https://jmlr.org/papers/v15/srivastava14a.html">Srivastava et al. 2014</a>
   */
  void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out);

  /** dX = dOut where forward kept the element, divided by 1 - p, else 0; dX may be dOut. */
  default void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX) {
    dropout(rows, dOut, null, mask, dX);
  }

  /** to = from, rows from {@code toRow} on, rounded or widened to the dtype of {@code to}. */
  void copy(int rows, Tensor from, Tensor to, int toRow);

  /** Whether {@link #attention} reads keys and values that {@link #roundHeads} wrote. */
  default boolean hasInt8Heads() {
    return false;
  }

  /** to = heads of D columns of from, as {@link Int8Heads}, rows from {@code toRow} on. */
  default void roundHeads(int rows, int D, Tensor from, Tensor to, int toRow) {
    throw new UnsupportedOperationException(name() + " has no keys and values of int8");
  }

  // ---- attention -------------------------------------------------------------------------------

  /**
   * Multi-head attention: out = softmax(q k^T / sqrt(D)) v, for each sequence and each head, with
   * scores as {@link ScoreSpec} has them. The scores of all queries, (queries, keys), are never in
   * memory at once.
   *
   * @param in queries (B * queries, H * D), keys and values (B * keys, kvHeads * D); of one
   *     sequence keys and values may also be {@link Int8Heads}, where this backend {@link
   *     #hasInt8Heads}
   * @param mask drops probabilities; null for none
   * @param out (B * queries, H * D)
   * @param logsumexp (B * H, queries): the logarithm of each query's sum of exponentials, for
   *     backward; null if there will be none
   * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</a>
   * @see <a href="https://arxiv.org/abs/2205.14135">Dao et al. 2022, for the recomputation</a>
   */
  void attention(AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp);

  /**
   * {@link #attention} without dropout of several sequences, for inference: each with the bits that
   * it has by itself.
   */
  default void attention(List<AttentionCall> calls) {
    for (AttentionCall call : calls) {
      attention(call.spec(), call.in(), null, call.out(), null);
    }
  }

  /** Gradient of {@link #attention}; overwrites the gradients of queries, keys and values. */
  void attentionBackward(
      AttentionSpec spec,
      Heads in,
      DropoutMask mask,
      Tensor out,
      Tensor logsumexp,
      Tensor dOut,
      Heads gradients);

  // ---- loss and optimizer ----------------------------------------------------------------------

  /**
   * Cross-entropy of the targets, in nats, and its gradient with respect to the logits; see {@link
   * CrossEntropy}.
   *
   * @return the weighted sum of the rows' losses; without weights their mean over scored rows, 0 if
   *     there is none
   */
  double crossEntropy(int rows, Tensor logits, CrossEntropy loss);

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
   * <p>m and v are as wide as the weights, or both bfloat16: then the weights are moved by them as
   * they are before rounding, and they are rounded at random, by {@link AdamStep#randomBits}, so
   * that their means stay right. To the nearest, v would never fall: with beta2 = 0.999 it moves by
   * less than half of the distance to the next bfloat16.
   *
   * @see <a href="https://arxiv.org/abs/1412.6980">Kingma and Ba 2014</a>
   * @see <a href="https://arxiv.org/abs/1711.05101">Loshchilov and Hutter 2017</a>
   */
  void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v);

  /**
   * to = factor * x, or to + factor * x; of all elements, which are equally many. They may be the
   * same ones.
   *
   * @param factor 1 or -1, so that nothing is rounded but the sum
   * @param add whether to add to {@code to} rather than to overwrite it
   * @param rounded whether the result is rounded to the nearest bfloat16, ties to even
   * @implSpec By way of the host, float32; a backend does it where the elements are.
   */
  default void addScaled(double factor, Flat x, Flat to, boolean add, boolean rounded) {
    int at = 1 << 18; // elements that are on the host at once
    float[] sums = new float[at];
    float[] values = new float[at];
    for (long start = 0; start < to.length(); start += at) {
      int count = (int) Math.min(at, to.length() - start);
      MemorySegment sum = MemorySegment.ofArray(sums).asSlice(0, 4L * count);
      MemorySegment value = MemorySegment.ofArray(values).asSlice(0, 4L * count);
      to.memory().read(to.dtype(), to.from() + start, sum);
      x.memory().read(x.dtype(), x.from() + start, value);
      for (int i = 0; i < count; i++) {
        sums[i] = (add ? sums[i] : 0) + (float) factor * values[i];
        sums[i] = rounded ? DType.fromBfloat16(DType.toBfloat16(sums[i])) : sums[i];
      }
      to.memory().write(to.dtype(), to.from() + start, sum);
    }
  }

  // ---- other work ------------------------------------------------------------------------------

  /** A piece of work that has nothing to do with another one of the same kind. */
  interface Piece {
    /**
     * Does piece {@code index}.
     *
     * @param worker whose scratch space it may use, from 0 to {@link #workers} - 1
     */
    void run(int worker, int index);
  }

  /** Threads that {@link #divide} has, the caller's included. */
  default int workers() {
    return 1;
  }

  /**
   * Does {@code count} pieces of work that lies on the host, at once where that is faster; none of
   * them may call kernels.
   *
   * @param elements that each passes over
   */
  default void divide(int count, int elements, Piece piece) {
    for (int index = 0; index < count; index++) {
      piece.run(0, index);
    }
  }

  @Override
  default void close() {}
}
