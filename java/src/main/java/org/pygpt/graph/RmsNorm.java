package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/** RMSNorm without gain; keeps its output and one number a row for backward. */
public final class RmsNorm implements Op {
  private final Input x;
  private final Variable out;
  private final Variable rstd;

  /** Binds the op; {@code rstd} has one column. */
  public RmsNorm(Input x, Variable out, Variable rstd) {
    this.x = x;
    this.out = out;
    this.rstd = rstd;
  }

  @Override
  public List<Input> inputs() {
    return List.of(x);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.rmsNorm(step.rows(), x.value(), out.value(), rstd.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.rmsNormBackward(
        step.rows(), out.gradient(), out.value(), rstd.value(), x.add(), x.gradient());
  }
}
