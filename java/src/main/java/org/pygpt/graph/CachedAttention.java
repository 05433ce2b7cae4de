package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;

/**
 * Mutable: causal attention of one sequence that remembers the keys and values of its past, for
 * generation. Forward only.
 */
public final class CachedAttention implements Op {
  private final Variable qkv;
  private final int H;
  private final int kvHeads;
  private final Slot keys;
  private final Slot values;
  private final Variable out;
  private Attention.Heads heads;

  /**
   * Binds the op.
   *
   * @param keys (block_size, kvHeads * D), the cache
   * @param values likewise
   */
  public CachedAttention(Variable qkv, int H, int kvHeads, Slot keys, Slot values, Variable out) {
    this.qkv = qkv;
    this.H = H;
    this.kvHeads = kvHeads;
    this.keys = keys;
    this.values = values;
    this.out = out;
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(qkv.valueSlot(), keys, values, out.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of();
  }

  @Override
  public void bind() {
    heads = Attention.Heads.of(qkv.value(), out.columns(), H, kvHeads);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.copy(step.rows(), heads.k(), keys.tensor(), step.past());
    kernels.copy(step.rows(), heads.v(), values.tensor(), step.past());
    kernels.attention(
        step.B(),
        step.T(),
        step.past(),
        H,
        kvHeads,
        heads.q(),
        keys.tensor(),
        values.tensor(),
        null,
        out.value(),
        null);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    throw new UnsupportedOperationException("attention with a cache runs forward only");
  }

  @Override
  public String describe() {
    return "attention  " + H + " heads with a cache of " + keys.rows() + " positions";
  }
}
