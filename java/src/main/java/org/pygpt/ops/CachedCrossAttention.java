package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Attention of each sequence to the one that it is made from, whose keys and values were computed
 * when that was read, for generation: every past is a {@link Step.SourcePast}. Forward only.
 *
 * <p>Sequences are attended from one by one, as their sources differ in length: what a sequence
 * gets does not depend on the others of the step.
 *
 * @param q queries, (B * T, H * D)
 * @param layer of the pasts
 */
public record CachedCrossAttention(Variable q, int layer, int H, Variable out) implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(q.valueSlot(), out.valueSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int T = step.T();
    for (int b = 0; b < step.B(); b++) {
      Step.SourcePast past = (Step.SourcePast) step.pasts().get(b);
      Tensor keys = past.sourceKeys(layer);
      Heads heads = new Heads(q.value().rows(b * T, T), keys, past.sourceValues(layer));
      AttentionSpec spec = new AttentionSpec(1, T, keys.rows(), H, H, false);
      kernels.attention(spec, heads, null, out.value().rows(b * T, T), null);
    }
  }

  @Override
  public String describe() {
    return "attention  " + H + " heads, to keys and values of the source";
  }
}
