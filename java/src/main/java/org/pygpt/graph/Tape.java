package org.pygpt.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: the ops of a model in order, bound to one arena that holds every activation and
 * gradient. Build it once ({@link #variable}, {@link #use}, {@link #add}, then {@link #plan}), then
 * run it many times; running allocates nothing.
 *
 * <p>Forward runs the ops in order, backward in reverse. One thread runs a tape; any thread may
 * {@link #cancel} it.
 */
public final class Tape implements AutoCloseable {
  private final Kernels kernels;
  private final DType dtype;
  private final boolean training;
  private final List<Variable> variables = new ArrayList<>();
  private final List<Op> ops = new ArrayList<>();
  private Memory arena;
  private volatile boolean cancelled;

  /**
   * An empty tape.
   *
   * @param training whether it will run backward, and so needs gradients
   */
  public Tape(Kernels kernels, DType dtype, boolean training) {
    this.kernels = kernels;
    this.dtype = dtype;
    this.training = training;
  }

  /** A new activation of at most (rows, columns). */
  public Variable variable(int rows, int columns) {
    return declare(new Variable(rows, columns, training));
  }

  /** Room of (rows, columns) that forward fills for backward, or keeps from step to step. */
  public Variable kept(int rows, int columns) {
    return declare(new Variable(rows, columns, false));
  }

  private Variable declare(Variable variable) {
    variables.add(variable);
    return variable;
  }

  /** Declares that the op to be added next reads {@code variable}. */
  public Input use(Variable variable) {
    return new Input(variable);
  }

  /** Appends {@code op}. */
  public void add(Op op) {
    ops.add(op);
  }

  /** Lays every variable out in one arena and decides which op overwrites each gradient. */
  public void plan() {
    for (Op op : ops.reversed()) {
      op.inputs().forEach(Input::plan);
    }
    long length = 0;
    for (Variable variable : variables) {
      length += slots(variable) * alignedSize(variable);
    }
    arena = Memory.allocate(dtype, length);
    long offset = 0;
    for (Variable variable : variables) {
      Tensor value = tensor(variable, offset);
      Tensor gradient =
          slots(variable) == 2 ? tensor(variable, offset + alignedSize(variable)) : null;
      variable.bind(value, gradient);
      offset += slots(variable) * alignedSize(variable);
    }
    ops.forEach(Op::bind);
  }

  private int slots(Variable variable) {
    return variable.hasGradient() && variable.root() == variable ? 2 : 1;
  }

  private long alignedSize(Variable variable) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    return ((long) variable.rows() * variable.columns() + line - 1) / line * line;
  }

  private Tensor tensor(Variable variable, long offset) {
    return Tensor.of(arena, offset, variable.rows(), variable.columns());
  }

  /** Size of the arena in bytes. */
  public long byteSize() {
    return arena.byteSize();
  }

  /**
   * Runs every op forward.
   *
   * @throws CancellationException if another thread called {@link #cancel}
   */
  public void forward(Step step) {
    for (int i = 0; i < ops.size(); i++) {
      throwIfCancelled();
      ops.get(i).forward(kernels, step);
    }
  }

  /**
   * Runs every op backward, last first.
   *
   * @throws CancellationException if another thread called {@link #cancel}
   */
  public void backward(Step step) {
    for (int i = ops.size() - 1; i >= 0; i--) {
      throwIfCancelled();
      ops.get(i).backward(kernels, step);
    }
  }

  /** Makes the run in progress, and every later one, stop before its next op. */
  public void cancel() {
    cancelled = true;
  }

  private void throwIfCancelled() {
    if (cancelled) {
      throw new CancellationException("cancelled between two ops");
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
