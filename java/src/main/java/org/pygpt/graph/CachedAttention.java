package org.pygpt.graph;

import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: causal attention of one sequence that remembers the keys and values of its past, for
 * generation. Forward only.
 */
public final class CachedAttention implements Op {
  private final Variable qkv;
  private final int H;
  private final int C;
  private final Variable keys;
  private final Variable values;
  private final Variable probabilities;
  private final Variable out;
  private Tensor q;
  private Tensor k;
  private Tensor v;

  /**
   * Binds the op.
   *
   * @param keys (block_size, C), the cache
   * @param values (block_size, C), the cache
   */
  public CachedAttention(
      Variable qkv, int H, Variable keys, Variable values, Variable probabilities, Variable out) {
    this.qkv = qkv;
    this.H = H;
    this.C = out.columns();
    this.keys = keys;
    this.values = values;
    this.probabilities = probabilities;
    this.out = out;
  }

  @Override
  public List<Input> inputs() {
    return List.of();
  }

  @Override
  public void bind() {
    q = qkv.value().columns(0, C);
    k = qkv.value().columns(C, C);
    v = qkv.value().columns(2 * C, C);
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    kernels.copy(step.rows(), k, keys.value(), step.past());
    kernels.copy(step.rows(), v, values.value(), step.past());
    kernels.attention(
        step.B(),
        step.T(),
        step.past(),
        H,
        q,
        keys.value(),
        values.value(),
        out.value(),
        probabilities.value());
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    throw new UnsupportedOperationException("attention with a cache runs forward only");
  }
}
