package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Causal multi-head self-attention on packed queries, keys and values, (B * T, (H + 2 H_kv) D) ->
 * (B * T, C). Keeps its output and one number a query; backward computes the scores again.
 */
public final class Attention implements Op {
  private final Input qkv;
  private final int H;
  private final int kvHeads;
  private final int index;
  private final DropoutMask mask;
  private final Slot logSums;
  private final Variable out;
  private Heads value;
  private Heads gradient;

  /** Queries, keys and values: the three column blocks of a packed tensor. */
  record Heads(Tensor q, Tensor k, Tensor v) {
    static Heads of(Tensor packed, int C, int H, int kvHeads) {
      int kvColumns = C / H * kvHeads;
      return new Heads(
          packed.columns(0, C),
          packed.columns(C, kvColumns),
          packed.columns(C + kvColumns, kvColumns));
    }
  }

  /**
   * Binds the op.
   *
   * @param index a number of its own among the tape's users of random numbers
   * @param dropout probability of dropping a probability; 0 for none
   * @param logSums (B * H, T)
   */
  public Attention(
      Input qkv, int H, int kvHeads, int index, double dropout, Slot logSums, Variable out) {
    this.qkv = qkv;
    this.H = H;
    this.kvHeads = kvHeads;
    this.index = index;
    this.mask = dropout == 0 ? null : new DropoutMask(dropout);
    this.logSums = logSums;
    this.out = out;
    out.constantIf(qkv.variable().isConstant());
  }

  @Override
  public List<Input> inputs() {
    return List.of(qkv);
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(qkv.valueSlot(), out.valueSlot(), logSums);
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(
        qkv.valueSlot(), out.valueSlot(), logSums, out.gradientSlot(), qkv.gradientSlot());
  }

  @Override
  public void bind() {
    value = Heads.of(qkv.value(), out.columns(), H, kvHeads);
    if (qkv.gradient() != null) {
      gradient = Heads.of(qkv.gradient(), out.columns(), H, kvHeads);
    }
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    if (mask != null) {
      mask.setKey(Dropout.key(step, index));
    }
    kernels.attention(
        step.B(),
        step.T(),
        0,
        H,
        kvHeads,
        value.q,
        value.k,
        value.v,
        mask,
        out.value(),
        logSums.tensor());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.attentionBackward(
        step.B(),
        step.T(),
        H,
        kvHeads,
        out.gradient(),
        value.q,
        value.k,
        value.v,
        mask,
        out.value(),
        logSums.tensor(),
        gradient.q,
        gradient.k,
        gradient.v);
  }

  @Override
  public String describe() {
    return "attention  " + H + " heads, " + kvHeads + " of keys and values";
  }
}
