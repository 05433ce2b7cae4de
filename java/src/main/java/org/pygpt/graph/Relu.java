package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/** max(x, 0); backward needs only the output. */
public final class Relu implements Op {
  private final Input x;
  private final Variable out;

  /** Binds the op. */
  public Relu(Input x, Variable out) {
    this.x = x;
    this.out = out;
  }

  @Override
  public List<Input> inputs() {
    return List.of(x);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.relu(step.rows(), x.value(), out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.reluBackward(step.rows(), out.gradient(), out.value(), x.add(), x.gradient());
  }
}
