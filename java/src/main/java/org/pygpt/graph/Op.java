package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/**
 * One fused step of the tape, with both its directions.
 *
 * <p>An op holds its inputs, its output and what forward keeps for backward; all of them are bound
 * to memory before the first step. It names the slots that each direction touches, from which the
 * tape knows how long each must live.
 */
public interface Op {
  /** The inputs whose gradient {@link #backward} writes. */
  default List<Input> inputs() {
    return List.of();
  }

  /** The slots that {@link #forward} reads or writes. */
  List<Slot> forwardSlots();

  /** The slots that {@link #backward} reads or writes; nulls are passed over. */
  default List<Slot> backwardSlots() {
    return List.of();
  }

  /** Whether no trained weight has a part in what it computes: then backward passes it over. */
  default boolean isConstant() {
    return false;
  }

  /** Called once, when every slot has its memory: the place to take views of them. */
  default void bind() {}

  /** Computes the output from the inputs. */
  void forward(Kernels kernels, Step step);

  /** Computes the gradients of inputs and parameters from the gradient of the output. */
  default void backward(Kernels kernels, Step step) {
    throw new UnsupportedOperationException("runs forward only: " + describe());
  }

  /** What it does and on which sizes, for the list of ops that a user can print. */
  String describe();
}
