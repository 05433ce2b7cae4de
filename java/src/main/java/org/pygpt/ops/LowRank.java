package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.Tensor;

/**
 * What two thin matrices add to a linear layer: out[:, first : first + n] += scale * (x @ Aᵀ) @ Bᵀ,
 * with A (r, in) and B (n, r), after the op that writes out and before whoever reads it. The weight
 * of the layer itself may then be frozen.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">Hu et al. 2021</a>
 */
public final class LowRank implements Op {
  /** Mutable: what all of a model's have in common. */
  public interface Scaling {
    /** What the product is multiplied by. */
    double scale();

    /** Whether it is added at all. */
    boolean isEnabled();
  }

  /**
   * Drops elements of x in training, before A alone reads it.
   *
   * @param index a number of its own among the tape's users of random numbers
   * @param forward (rows, in), what is left of x
   * @param backward likewise
   */
  public record Dropped(int index, DropoutMask mask, Slot forward, Slot backward) {}

  private final Input x;
  private final Parameter a;
  private final Parameter b;
  private final int first;
  private final Scaling scaling;
  private final Dropped dropped; // null for none
  private final Slot hidden; // (rows, r): scale * x @ Aᵀ
  private final Slot dHidden;
  private final Variable out;
  private final int rowByRow;

  /**
   * Binds the op.
   *
   * @param first of the columns of out
   * @param rowByRow up to so many rows each has the bits that it would have alone
   */
  public LowRank(
      Input x,
      Parameter a,
      Parameter b,
      int first,
      Scaling scaling,
      Dropped dropped,
      Slot hidden,
      Slot dHidden,
      int rowByRow,
      Variable out) {
    this.x = x;
    this.a = a;
    this.b = b;
    this.first = first;
    this.scaling = scaling;
    this.dropped = dropped;
    this.hidden = hidden;
    this.dHidden = dHidden;
    this.rowByRow = rowByRow;
    this.out = out;
    boolean isFrozen = Parameter.isFrozen(a) && Parameter.isFrozen(b);
    out.constantIf(out.isConstant() && x.variable().isConstant() && isFrozen);
  }

  @Override
  public List<Input> inputs() {
    return List.of(x);
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(x.valueSlot(), hidden, out.valueSlot()));
    slots.add(dropped == null ? null : dropped.forward);
    return slots;
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(x.valueSlot(), hidden, dHidden));
    slots.add(out.gradientSlot());
    slots.add(dropped == null ? null : dropped.backward);
    slots.add(x.variable().isConstant() ? null : x.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    if (!scaling.isEnabled()) {
      return;
    }
    int rows = step.rows();
    Tensor read = read(kernels, step, dropped == null ? null : dropped.forward);
    if (rows > rowByRow) {
      add(kernels, rows, read, hidden.tensor(), out.value());
      return;
    }
    for (int row = 0; row < rows; row++) {
      Tensor one = hidden.tensor().rows(row, 1);
      add(kernels, 1, read.rows(row, 1), one, out.value().rows(row, 1));
    }
  }

  private void add(Kernels kernels, int rows, Tensor read, Tensor low, Tensor sum) {
    int r = low.columns();
    int features = b.value().rows();
    // (rows, in) @ (in, r) -> (rows, r)
    kernels.gemm(new MatMul(rows, r, read.columns(), false, true, false), read, a.value(), low);
    kernels.scale(rows, scaling.scale(), low, low);
    // (rows, r) @ (r, n) -> (rows, n)
    Tensor columns = sum.columns(first, features);
    kernels.gemm(new MatMul(rows, features, r, false, true, true), low, b.value(), columns);
  }

  /** What A reads: x, or what dropout leaves of it, the same in both directions. */
  private Tensor read(Kernels kernels, Step step, Slot room) {
    if (dropped == null) {
      return x.value();
    }
    dropped.mask.setKey(Dropout.key(step, dropped.index));
    kernels.dropout(step.rows(), x.value(), null, dropped.mask, room.tensor());
    return room.tensor();
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    int rows = step.rows();
    int r = hidden.columns();
    int in = x.variable().columns();
    int features = b.value().rows();
    Tensor dOut = out.gradient().columns(first, features);
    Gradient dB = Parameter.gradientOf(b, step);
    if (dB != null) {
      // (n, rows) @ (rows, r) -> (n, r)
      MatMul shape = new MatMul(features, r, rows, true, false, dB.add());
      kernels.gemm(shape, dOut, hidden.tensor(), dB.tensor());
    }
    // (rows, n) @ (n, r) -> (rows, r)
    Tensor dLow = dHidden.tensor();
    kernels.gemm(new MatMul(rows, r, features, false, false, false), dOut, b.value(), dLow);
    kernels.scale(rows, scaling.scale(), dLow, dLow);
    Gradient dA = Parameter.gradientOf(a, step);
    if (dA != null) {
      Tensor read = read(kernels, step, dropped == null ? null : dropped.backward);
      // (r, rows) @ (rows, in) -> (r, in)
      kernels.gemm(new MatMul(r, in, rows, true, false, dA.add()), dLow, read, dA.tensor());
    }
    if (x.variable().isConstant()) {
      return;
    }
    // (rows, r) @ (r, in) -> (rows, in)
    boolean direct = dropped == null;
    Tensor dX = direct ? x.gradient() : dropped.backward.tensor();
    kernels.gemm(new MatMul(rows, in, r, false, false, direct && x.add()), dLow, a.value(), dX);
    if (!direct) {
      dropped.mask.setKey(Dropout.key(step, dropped.index));
      kernels.dropoutBackward(rows, dX, dropped.mask, x.add() ? dX : x.gradient());
    }
    if (!direct && x.add()) {
      long length = (long) rows * in;
      kernels.addScaled(1, dX.flat(length), x.gradient().flat(length), true, false);
    }
  }

  @Override
  public String describe() {
    return "low rank  " + a + ", " + b;
  }
}
