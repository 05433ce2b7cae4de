package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.AttentionCall;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.ScoreSpec;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Causal attention to each sequence's past and its own positions, whose keys and values it adds to
 * the past, for generation. Forward only.
 *
 * <p>What a sequence gets does not depend on the others of the step. Keys and values of all are
 * added first; those that share a past see what those before them have added to it, and not what
 * those after them have, which lies beyond their own positions.
 *
 * @param layer of the pasts
 * @param scores what becomes of the products of queries and keys
 */
public record CachedAttention(
    Variable qkv, int layer, int H, int kvHeads, ScoreSpec scores, Variable out) implements Op {
  @Override
  public List<Slot> forwardSlots() {
    return List.of(qkv.valueSlot(), out.valueSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    Heads heads = Heads.packed(qkv.value(), H, kvHeads);
    List<AttentionCall> calls = new ArrayList<>(step.B());
    for (int b = 0; b < step.B(); b++) {
      calls.add(call(kernels, heads, b * step.T(), step.T(), step.pasts().get(b)));
    }
    kernels.attention(calls);
  }

  /**
   * Adds keys and values of T positions to a past; attention of the T queries from {@code row} on,
   * which are one sequence's.
   */
  private AttentionCall call(Kernels kernels, Heads heads, int row, int T, Step.Past past) {
    int length = past.length() + T;
    Tensor keys = past.keys(layer);
    Tensor values = past.values(layer);
    add(kernels, T, heads.k().rows(row, T), keys, past.length());
    add(kernels, T, heads.v().rows(row, T), values, past.length());
    int seen = scores.window() == 0 ? length : Math.min(length, scores.window() + T - 1);
    int first = length - seen; // no query looks before it
    Heads all = new Heads(heads.q().rows(row, T), keys.rows(first, seen), values.rows(first, seen));
    AttentionSpec spec = new AttentionSpec(1, T, seen, H, kvHeads, true, scores);
    return new AttentionCall(spec, all, out.value().rows(row, T));
  }

  private void add(Kernels kernels, int T, Tensor from, Tensor to, int position) {
    if (to.dtype() == DType.INT8) {
      kernels.roundHeads(T, from.columns() / kvHeads, from, to, position);
    } else {
      kernels.copy(T, from, to, position);
    }
  }

  @Override
  public String describe() {
    return "attention  " + H + " heads, with keys and values of the past";
  }
}
