package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * Queries, keys and values, or their gradients; each with its own row stride, so that they may be
 * packed side by side in one tensor or lie apart.
 *
 * @param q (B * queries, H * D)
 * @param k (B * keys, kvHeads * D)
 * @param v (B * keys, kvHeads * D)
 */
public record Heads(Tensor q, Tensor k, Tensor v) {
  /** The three column blocks of a packed tensor: (rows, (H + 2 * kvHeads) * D). */
  public static Heads packed(Tensor qkv, int H, int kvHeads) {
    int D = qkv.columns() / (H + 2 * kvHeads);
    return new Heads(
        qkv.columns(0, H * D),
        qkv.columns(H * D, kvHeads * D),
        qkv.columns((H + kvHeads) * D, kvHeads * D));
  }
}
