package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/**
 * One fused step of the tape, with both its directions.
 *
 * <p>An op holds its inputs, its output and what forward keeps for backward; all of them are bound
 * to memory before the first step.
 */
public interface Op {
  /** The inputs whose gradient {@link #backward} writes. */
  List<Input> inputs();

  /** Called once, when every variable has its memory: the place to take views of them. */
  default void bind() {}

  /** Computes the output from the inputs. */
  void forward(Kernels kernels, Step step);

  /** Computes the gradients of inputs and parameters from the gradient of the output. */
  void backward(Kernels kernels, Step step);
}
