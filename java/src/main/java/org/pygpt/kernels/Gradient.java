package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * Where the gradient of a parameter or an activation goes.
 *
 * @param tensor of the shape of what it is the gradient of
 * @param add whether to add to it rather than to overwrite it
 */
public record Gradient(Tensor tensor, boolean add) {
  /** The gradient in {@code tensor}; null, for none is wanted, if that is null. */
  public static Gradient of(Tensor tensor, boolean add) {
    return tensor == null ? null : new Gradient(tensor, add);
  }
}
