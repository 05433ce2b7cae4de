package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Causal multi-head self-attention on packed queries, keys and values, (B * T, 3C) -> (B * T, C).
 */
public final class Attention implements Op {
  private final Input qkv;
  private final int H;
  private final int C;
  private final Variable probabilities;
  private final Variable out;
  private Heads value;
  private Heads gradient;

  /** Queries, keys and values: the three column blocks of a packed tensor. */
  private record Heads(Tensor q, Tensor k, Tensor v) {
    static Heads of(Tensor packed, int C) {
      return new Heads(packed.columns(0, C), packed.columns(C, C), packed.columns(2 * C, C));
    }
  }

  /**
   * Binds the op.
   *
   * @param probabilities (B * H * T, T), kept for backward
   */
  public Attention(Input qkv, int H, Variable probabilities, Variable out) {
    this.qkv = qkv;
    this.H = H;
    this.C = out.columns();
    this.probabilities = probabilities;
    this.out = out;
  }

  @Override
  public List<Input> inputs() {
    return List.of(qkv);
  }

  @Override
  public void bind() {
    value = Heads.of(qkv.value(), C);
    gradient = qkv.gradient() == null ? null : Heads.of(qkv.gradient(), C);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.attention(
        step.B(), step.T(), 0, H, value.q, value.k, value.v, out.value(), probabilities.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.attentionBackward(
        step.B(),
        step.T(),
        H,
        out.gradient(),
        value.q,
        value.k,
        value.v,
        probabilities.value(),
        gradient.q,
        gradient.k,
        gradient.v);
  }
}
