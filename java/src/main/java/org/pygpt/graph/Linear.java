package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Linear layer without bias.
 *
 * <p>The weight lies as its checkpoint has it: (in, out) for the layers inside a block (GPT-2's
 * Conv1D), (out, in) for an output head.
 */
public final class Linear implements Op {
  private final Input x;
  private final Parameter weight;
  private final boolean outputsAreRows;
  private final Variable out;

  /** Binds the op; {@code outputsAreRows} tells an (out, in) weight. */
  public Linear(Input x, Parameter weight, boolean outputsAreRows, Variable out) {
    this.x = x;
    this.weight = weight;
    this.outputsAreRows = outputsAreRows;
    this.out = out;
  }

  @Override
  public List<Input> inputs() {
    return List.of(x);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    Tensor w = weight.value();
    int in = x.value().columns();
    int features = out.columns();
    // (rows, in) @ (in, out) -> (rows, out)
    kernels.gemm(
        false, outputsAreRows, step.rows(), features, in, x.value(), w, false, out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    Tensor dOut = out.gradient();
    int in = x.value().columns();
    int features = out.columns();
    int rows = step.rows();
    if (outputsAreRows) {
      // (out, rows) @ (rows, in) -> (out, in)
      kernels.gemm(true, false, features, in, rows, dOut, x.value(), true, weight.gradient());
    } else {
      // (in, rows) @ (rows, out) -> (in, out)
      kernels.gemm(true, false, in, features, rows, x.value(), dOut, true, weight.gradient());
    }
    // (rows, out) @ (out, in) -> (rows, in)
    kernels.gemm(
        false, !outputsAreRows, rows, in, features, dOut, weight.value(), x.add(), x.gradient());
  }
}
