package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/** Token plus learned position embedding: the first op of the tape. */
public final class Embedding implements Op {
  private final Tensor ids;
  private final Parameter wte;
  private final Parameter wpe;
  private final Variable out;

  /** Reads {@code ids}, int32 (B * T, 1), at each step. */
  public Embedding(Tensor ids, Parameter wte, Parameter wpe, Variable out) {
    this.ids = ids;
    this.wte = wte;
    this.wpe = wpe;
    this.out = out;
  }

  @Override
  public List<Input> inputs() {
    return List.of();
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.embedding(step.B(), step.T(), step.past(), ids, wte.value(), wpe.value(), out.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.embeddingBackward(
        step.B(), step.T(), ids, out.gradient(), wte.gradient(), wpe.gradient());
  }
}
