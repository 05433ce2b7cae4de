package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/**
 * out = a + b, the residual sum. All three share one gradient buffer, so backward has nothing to
 * do: d(a) = d(b) = d(out), and whatever else reads {@code a} adds to it later in the backward
 * pass. {@code b}, the branch, must have no other reader.
 */
public final class Residual implements Op {
  private final Variable a;
  private final Variable b;
  private final Variable out;

  /** Binds the op and makes the three variables share their gradient. */
  public Residual(Variable a, Variable b, Variable out) {
    this.a = a;
    this.b = b;
    this.out = out;
    out.shareGradient(a);
    out.shareGradient(b);
  }

  @Override
  public List<Input> inputs() {
    return List.of();
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.add(step.rows(), a.value(), b.value(), out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    // shared gradient
  }
}
