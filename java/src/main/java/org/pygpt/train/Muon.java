package org.pygpt.train;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Residual;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: moves the matrices of the layers by Muon. With g the gradient, m = 0.95 m + g and u = g
 * + 0.95 m; what moves a matrix is u with all its singular values made about 1, which five steps of
 * a polynomial do by products alone. Queries, keys, values and gates, which lie in one matrix here,
 * are matrices by themselves.
 *
 * <p>The update has about the mean square of AdamW's, 0.2², so that learning rate and weight decay
 * mean the same for both.
 *
 * @see <a href="https://kellerjordan.github.io/posts/muon">Jordan et al. 2024</a>
 * @see <a href="https://arxiv.org/abs/2502.16982">Liu et al. 2025, for the scale</a>
 */
final class Muon implements AutoCloseable {
  private static final double MOMENTUM = 0.95;
  private static final double ROOT_MEAN_SQUARE = 0.2; // of AdamW's updates
  private static final double EPSILON = 1e-7; // added to the norm that u is divided by
  private static final int STEPS = 5;
  // Jordan's polynomial a x + b x³ + c x⁵: steepest at 0, and 0.7 to 1.2 after five steps
  private static final double A = 3.4445;
  private static final double B = -4.7750;
  private static final double C = 2.0315;

  private final Kernels kernels;
  private final List<Piece> pieces = new ArrayList<>();
  private final Memory scratch;
  private final DType dtype;
  private final long wide; // elements of the largest piece
  private final long square; // of its smaller side, squared

  /** Columns of a matrix that are one by themselves, with its gradient and its momentum. */
  private record Piece(Tensor weight, Tensor gradient, Tensor momentum, double decay) {
    int rows() {
      return weight.rows();
    }

    int columns() {
      return weight.columns();
    }

    int side() {
      return Math.min(rows(), columns());
    }
  }

  /** Which matrices lie side by side in one. */
  interface Parts {
    /** The width of each, of a matrix with so many columns. */
    int[] of(String name, int columns);
  }

  /** For the trainable matrices of the layers; the momentum lies where AdamW has first moments. */
  Muon(
      Kernels kernels,
      Parts parts,
      Layout layout,
      double decay,
      Parameters weights,
      Parameters gradients,
      Parameters momentum) {
    this.kernels = kernels;
    dtype = weights.dtype();
    for (Layout.Weight weight : layout.trainable()) {
      if (moves(weight)) {
        String name = weight.name();
        int from = 0;
        for (int width : parts.of(name, weights.get(name).columns())) {
          pieces.add(
              new Piece(
                  weights.get(name).columns(from, width),
                  gradients.get(name).columns(from, width),
                  momentum.get(name).columns(from, width),
                  weight.decays() ? decay : 0));
          from += width;
        }
      }
    }
    wide = pieces.stream().mapToLong(p -> (long) p.rows() * p.columns()).max().orElse(1);
    square = pieces.stream().mapToLong(p -> (long) p.side() * p.side()).max().orElse(1);
    scratch = kernels.device().allocate(dtype, elements(wide, square));
  }

  /** Whether a weight is a matrix of a layer. */
  static boolean moves(Layout.Weight weight) {
    return weight.role() == Layout.Role.LINEAR || weight.role() == Layout.Role.PROJECTION;
  }

  /** Size in bytes of what the constructor allocates, at most. */
  static long byteSize(Layout layout, DType dtype) {
    long wide = 1;
    long square = 1;
    for (Layout.Weight weight : layout.trainable()) {
      if (moves(weight)) {
        long side = Math.min(weight.shape().getFirst(), weight.shape().getLast());
        wide = Math.max(wide, weight.size());
        square = Math.max(square, side * side);
      }
    }
    return elements(wide, square) * dtype.bytes();
  }

  private static long elements(long wide, long square) {
    return 2 * padded(wide) + 2 * padded(square);
  }

  /** So that the next matrix begins at a line of memory. */
  private static long padded(long elements) {
    int line = Memory.ALIGNMENT_BYTES;
    return (elements + line - 1) / line * line;
  }

  /** A GPT's: queries, keys, values; gates and what they multiply. */
  static int[] widths(GPTConfig config, String name, int columns) {
    int heads = config.nHead() * config.headSize();
    int shared = config.nKvHead() * config.headSize();
    if (name.endsWith(".attn.c_attn.weight")) {
      return new int[] {heads, shared, shared};
    }
    if (name.endsWith(".mlp.c_fc.weight") && columns == 2 * config.nInner()) {
      return new int[] {config.nInner(), config.nInner()};
    }
    return new int[] {columns};
  }

  /**
   * One update.
   *
   * @param learningRate of this step
   * @param gradientScale what gradients are multiplied by first
   */
  void update(double learningRate, double gradientScale) {
    for (Piece piece : pieces) {
      Tensor update = orthogonal(piece, nesterov(piece, gradientScale));
      int rows = piece.rows();
      double size = ROOT_MEAN_SQUARE * Math.sqrt(Math.max(rows, piece.columns()));
      kernels.scale(rows, -learningRate * size, update, update);
      kernels.scale(rows, 1 - learningRate * piece.decay, piece.weight, piece.weight);
      add(rows, update, piece.weight);
    }
  }

  /** Moves the momentum; returns u, in the first of the two scratch matrices. */
  private Tensor nesterov(Piece piece, double gradientScale) {
    int rows = piece.rows();
    Tensor u = scratch(0, rows, piece.columns());
    Tensor gradient = scratch(1, rows, piece.columns());
    kernels.scale(rows, gradientScale, piece.gradient, gradient);
    kernels.scale(rows, MOMENTUM, piece.momentum, piece.momentum);
    add(rows, gradient, piece.momentum);
    kernels.scale(rows, MOMENTUM, piece.momentum, u);
    add(rows, gradient, u);
    return u;
  }

  /** What u becomes with singular values of about 1, in one of the two scratch matrices. */
  private Tensor orthogonal(Piece piece, Tensor u) {
    int rows = piece.rows();
    int columns = piece.columns();
    int side = piece.side();
    boolean byRows = rows <= columns;
    double norm = Math.sqrt(kernels.sumOfSquares(u.flat(u.size())));
    kernels.scale(rows, 1 / (norm + EPSILON), u, u);
    Tensor x = u;
    Tensor next = scratch(1, rows, columns);
    Tensor gram = scratch(2, side, side);
    Tensor polynomial = scratch(3, side, side);
    for (int step = 0; step < STEPS; step++) {
      int inner = byRows ? columns : rows;
      kernels.gemm(new MatMul(side, side, inner, !byRows, byRows, false), x, x, gram);
      kernels.gemm(new MatMul(side, side, side, false, false, false), gram, gram, polynomial);
      kernels.scale(side, C, polynomial, polynomial);
      kernels.scale(side, B, gram, gram);
      add(side, gram, polynomial); // b (x xᵀ) + c (x xᵀ)²
      kernels.scale(rows, A, x, next);
      MatMul shape = new MatMul(rows, columns, side, false, false, true);
      kernels.gemm(shape, byRows ? polynomial : x, byRows ? x : polynomial, next);
      Tensor last = x;
      x = next;
      next = last;
    }
    return x;
  }

  /** to += what. */
  private void add(int rows, Tensor what, Tensor to) {
    kernels.residual(rows, new Residual(to, what, null, to));
  }

  /** A dense matrix in scratch memory: two of the largest piece's size, two of its smaller side. */
  private Tensor scratch(int number, int rows, int columns) {
    long before = number < 2 ? 0 : 2 * padded(wide);
    long start = before + number % 2 * padded(number < 2 ? wide : square);
    return Tensor.of(scratch, dtype, start, rows, columns);
  }

  @Override
  public void close() {
    scratch.close();
  }
}
