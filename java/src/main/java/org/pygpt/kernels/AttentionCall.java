package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * Attention of one of several sequences whose pasts differ in length.
 *
 * @param spec of one sequence
 * @param in its queries, and all keys and values that they may attend to
 * @param out (queries, H * D)
 */
public record AttentionCall(AttentionSpec spec, Heads in, Tensor out) {}
