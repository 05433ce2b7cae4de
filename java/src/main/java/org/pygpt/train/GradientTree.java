package org.pygpt.train;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Memory;

/**
 * Mutable: sums gradients, which come one after another, along a binary tree over their numbers:
 * ((0 + 1) + (2 + 3)) + ... So a power of two of them has a sum that is a node of every larger
 * tree, and it makes no difference to the bits how many workers have them.
 *
 * <p>Held are the sums that wait for their other half: one array for each level of the tree.
 */
final class GradientTree implements AutoCloseable {
  private final Kernels kernels;
  private final List<Memory> levels = new ArrayList<>();
  private int count;

  GradientTree(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * Takes the next gradient; after the last one {@code gradient} is the sum of all.
   *
   * @param leaves how many there are, a power of two
   * @param rounded whether each node of the tree, also a leaf, is rounded to bfloat16
   */
  void add(Flat gradient, int leaves, boolean rounded) {
    if (rounded) {
      kernels.addScaled(1, gradient, gradient, false, true);
    }
    int level = 0;
    for (; (count >> level & 1) == 1; level++) {
      kernels.addScaled(1, level(level, gradient), gradient, true, rounded);
    }
    count++;
    if (count < leaves) {
      kernels.addScaled(1, gradient, level(level, gradient), false, false);
    } else {
      count = 0;
    }
  }

  private Flat level(int level, Flat like) {
    while (levels.size() <= level) {
      levels.add(kernels.device().allocate(like.dtype(), like.length()));
    }
    return Flat.of(levels.get(level), like.dtype());
  }

  /** Begins anew. */
  void clear() {
    count = 0;
  }

  @Override
  public void close() {
    levels.forEach(Memory::close);
  }
}
