package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/**
 * An op on the sequences that a step's own are made from: it runs with {@link Step#source}, which
 * has positions and padding of its own.
 */
public record SourceOp(Op op) implements Op {
  @Override
  public List<Input> inputs() {
    return op.inputs();
  }

  @Override
  public List<Slot> forwardSlots() {
    return op.forwardSlots();
  }

  @Override
  public List<Slot> backwardSlots() {
    return op.backwardSlots();
  }

  @Override
  public boolean isConstant() {
    return op.isConstant();
  }

  @Override
  public void bind() {
    op.bind();
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    op.forward(kernels, step.source());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    op.backward(kernels, step.source());
  }

  @Override
  public String describe() {
    return "source: " + op.describe();
  }
}
