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
 * Mutable: causal attention that remembers the keys and values of each sequence's past, for
 * generation. Forward only.
 *
 * <p>Sequences are attended to one by one, as their pasts differ in length: what a sequence gets
 * does not depend on the others of the step.
 */
public final class CachedAttention implements Op {
  private final Variable qkv;
  private final int positions;
  private final int H;
  private final int kvHeads;
  private final Slot keys;
  private final Slot values;
  private final Variable out;
  private Heads heads;

  /**
   * Binds the op.
   *
   * @param positions most positions of a sequence; cache c is rows c * positions to (c + 1) *
   *     positions - 1 of keys and values
   * @param keys (caches * positions, kvHeads * D)
   * @param values likewise
   */
  public CachedAttention(
      Variable qkv, int positions, int H, int kvHeads, Slot keys, Slot values, Variable out) {
    this.qkv = qkv;
    this.positions = positions;
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
    heads = Heads.packed(qkv.value(), H, kvHeads);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    for (int b = 0; b < step.B(); b++) {
      attend(kernels, b * step.T(), step.T(), step.pasts().get(b));
    }
  }

  /** Copies the first {@code length} positions of cache {@code from} to cache {@code to}. */
  public void copyCache(Kernels kernels, int from, int to, int length) {
    for (Slot slot : List.of(keys, values)) {
      Tensor rows = slot.tensor();
      kernels.copy(length, rows.rows(from * positions, length), rows, to * positions);
    }
  }

  /** Attention of the T queries from {@code row} on, which are one sequence's. */
  private void attend(Kernels kernels, int row, int T, Step.Past past) {
    int first = past.cache() * positions;
    int length = past.length() + T;
    kernels.copy(T, heads.k().rows(row, T), keys.tensor(), first + past.length());
    kernels.copy(T, heads.v().rows(row, T), values.tensor(), first + past.length());
    Heads all =
        new Heads(
            heads.q().rows(row, T),
            keys.tensor().rows(first, length),
            values.tensor().rows(first, length));
    AttentionSpec spec = new AttentionSpec(1, T, length, H, kvHeads, true);
    kernels.attention(spec, all, null, out.value().rows(row, T), null);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    throw new UnsupportedOperationException("attention with a cache runs forward only");
  }

  @Override
  public String describe() {
    int caches = keys.rows() / positions;
    return "attention  " + H + " heads, " + caches + " caches of " + positions + " positions";
  }
}
