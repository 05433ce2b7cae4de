package org.pygpt.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;

/**
 * Mutable: the ops of a model in order, bound to one arena that holds every activation and
 * gradient, of whatever dtype. Build it once ({@link #variable}, {@link #use}, {@link #add}),
 * {@link #plan} it, which tells its size, {@link #allocate} it, then run it many times; running
 * allocates nothing.
 *
 * <p>Forward runs the ops in order, backward in reverse. One thread runs a tape; any thread may
 * {@link #cancel} it.
 */
public final class Tape implements AutoCloseable {
  private final Kernels kernels;
  private final DType dtype;
  private final boolean training;
  private final List<Slot> slots = new ArrayList<>();
  private final List<Slot> persistent = new ArrayList<>();
  private final List<Op> ops = new ArrayList<>();
  private long byteSize;
  private Memory arena;
  private volatile boolean cancelled;

  /**
   * An empty tape.
   *
   * @param dtype of activations and their gradients where none is given
   * @param training whether it will run backward, and so needs gradients
   */
  public Tape(Kernels kernels, DType dtype, boolean training) {
    this.kernels = kernels;
    this.dtype = dtype;
    this.training = training;
  }

  /** What its ops compute with. */
  public Kernels kernels() {
    return kernels;
  }

  /** Whether this tape runs backward. */
  public boolean training() {
    return training;
  }

  /** A new activation of at most (rows, columns), of the tape's dtype. */
  public Variable variable(int rows, int columns) {
    return variable(dtype, rows, columns);
  }

  /** A new activation of at most (rows, columns); its gradient has its dtype. */
  public Variable variable(DType dtype, int rows, int columns) {
    return new Variable(slot(dtype, rows, columns), training ? slot(dtype, rows, columns) : null);
  }

  /**
   * A new activation of at most (rows, columns) that only kernels read: its rows lie as far apart
   * as products are fast with.
   */
  public Variable padded(DType dtype, int rows, int columns) {
    int stride = kernels.rowStride(dtype, columns);
    Slot value = new Slot(dtype, rows, columns, stride);
    slots.add(value);
    if (!training) {
      return new Variable(value, null);
    }
    Slot gradient = new Slot(dtype, rows, columns, stride);
    slots.add(gradient);
    return new Variable(value, gradient);
  }

  /** Room of (rows, columns), of the tape's dtype, that forward fills for backward. */
  public Slot slot(int rows, int columns) {
    return slot(dtype, rows, columns);
  }

  /** Room of (rows, columns) that forward fills for backward. */
  public Slot slot(DType dtype, int rows, int columns) {
    Slot slot = new Slot(dtype, rows, columns);
    slots.add(slot);
    return slot;
  }

  /** Room of (rows, columns) that keeps its content from step to step. */
  public Slot persistent(int rows, int columns) {
    Slot slot = slot(rows, columns);
    persistent.add(slot);
    return slot;
  }

  /** Keeps the value of {@code variable} until the next step, for the caller to read. */
  public void keep(Variable variable) {
    persistent.add(variable.valueSlot());
  }

  /** Declares that the op to be added next reads {@code variable}. */
  public Input use(Variable variable) {
    return new Input(variable);
  }

  /** Appends {@code op}. */
  public void add(Op op) {
    ops.add(op);
  }

  /** The ops in the order of forward. */
  public List<Op> ops() {
    return List.copyOf(ops);
  }

  /** Finds a place for every slot and decides which op overwrites each gradient. */
  public void plan() {
    if (training) {
      for (Op op : ops.reversed()) {
        if (!op.isConstant()) {
          op.inputs().forEach(Input::plan);
        }
      }
    }
    int end = 2 * ops.size() - 1;
    for (int i = 0; i < ops.size(); i++) {
      touch(ops.get(i).forwardSlots(), i);
      if (training && !ops.get(i).isConstant()) {
        touch(ops.get(i).backwardSlots(), end - i);
      }
    }
    touch(persistent, 0);
    touch(persistent, end);
    byteSize = place();
  }

  private static void touch(List<Slot> slots, int time) {
    slots.stream().filter(Objects::nonNull).forEach(slot -> slot.touch(time));
  }

  /**
   * Gives each slot the lowest offset that no slot of an overlapping lifetime has, largest first;
   * returns the size of the arena in bytes.
   *
   * @see <a href="https://arxiv.org/abs/2001.03288">Pisarchyk and Lee 2020, greedy by size</a>
   */
  private long place() {
    List<Slot> bySize = new ArrayList<>(slots.stream().filter(Slot::isUsed).toList());
    bySize.sort(Comparator.comparingLong(Slot::byteSize).reversed());
    List<Slot> placed = new ArrayList<>(); // by offset
    long total = 0;
    for (Slot slot : bySize) {
      long offset = 0;
      for (Slot other : placed) {
        if (other.meets(slot)) {
          if (other.offset() - offset >= slot.byteSize()) {
            break;
          }
          offset = Math.max(offset, other.offset() + other.byteSize());
        }
      }
      slot.place(offset);
      placed.add(slot);
      placed.sort(Comparator.comparingLong(Slot::offset));
      total = Math.max(total, offset + slot.byteSize());
    }
    return total;
  }

  /** Size of the arena in bytes, known once planned. */
  public long byteSize() {
    return byteSize;
  }

  /** Allocates the arena and binds every op to it. */
  public void allocate() {
    arena = kernels.device().allocate(byteSize);
    slots.forEach(slot -> slot.bind(arena));
    ops.forEach(Op::bind);
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
   * Runs every op backward, last first, but those that no trained weight has a part in.
   *
   * @throws CancellationException if another thread called {@link #cancel}
   */
  public void backward(Step step) {
    for (int i = ops.size() - 1; i >= 0; i--) {
      throwIfCancelled();
      if (!ops.get(i).isConstant()) {
        ops.get(i).backward(kernels, step);
      }
    }
  }

  /** Makes the run in progress, or the next one, stop before its next op. */
  public void cancel() {
    cancelled = true;
  }

  /** Forgets a {@link #cancel} that came after the end of the run that it was meant for. */
  public void resetCancel() {
    cancelled = false;
  }

  private void throwIfCancelled() {
    if (cancelled) {
      cancelled = false;
      throw new CancellationException("cancelled between two ops");
    }
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
