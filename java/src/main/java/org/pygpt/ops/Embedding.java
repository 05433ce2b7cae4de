package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.Positions;
import org.pygpt.tensor.Tensor;

/**
 * Token plus, where the model has them, learned position embedding: the first op of the tape.
 *
 * @param wpe null without learned positions
 * @param tied whether the output layer has written the gradient of wte before this op adds to it
 */
public record Embedding(Tensor ids, Parameter wte, Parameter wpe, boolean tied, Variable out)
    implements Op {
  /** Reads {@code ids}, int32 (B * T, 1), at each step. */
  public Embedding {
    out.constantIf(Parameter.isFrozen(wte) && Parameter.isFrozen(wpe));
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(out.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(out.gradientSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int T = step.T();
    if (step.pasts().isEmpty()) {
      embed(kernels, new Positions(step.B(), T, 0), ids, out.value());
    }
    for (int b = 0; b < step.pasts().size(); b++) {
      int past = step.pasts().get(b).length();
      Positions positions = new Positions(1, T, past);
      embed(kernels, positions, ids.rows(b * T, T), out.value().rows(b * T, T));
    }
  }

  private void embed(Kernels kernels, Positions positions, Tensor tokens, Tensor rows) {
    kernels.embedding(positions, tokens, wte.value(), Parameter.valueOf(wpe), rows);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.embeddingBackward(
        new Positions(step.B(), step.T(), 0),
        ids,
        out.gradient(),
        wte.into(tied || step.accumulate()),
        Parameter.gradientOf(wpe, step));
  }

  @Override
  public String describe() {
    return "embedding  " + wte + (wpe == null ? "" : " + " + wpe);
  }
}
