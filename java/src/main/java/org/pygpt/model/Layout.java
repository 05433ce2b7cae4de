package org.pygpt.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Immutable: the weights of a model, in the order in which data flows through it. Weights,
 * gradients and moments are laid out by it; see {@link LayoutTable} for where it comes from.
 */
public record Layout(List<Weight> weights) {
  /** What a weight is for. */
  public enum Role {
    /** (V, C): a row for each token. */
    EMBEDDING,
    /** (V, C): an embedding that is the output matrix too. */
    TIED,
    /** (T, C): a row for each position. */
    POSITIONS,
    /** (in, out). */
    LINEAR,
    /** (in, out), what it computes is added to the residual stream. */
    PROJECTION,
    /** (out, in). */
    OUTPUT,
    /** One row: multiplies what a norm returns. */
    GAIN,
    /** One row: is added. */
    BIAS;

    /** Whether it has one dimension. */
    public boolean isVector() {
      return this == GAIN || this == BIAS;
    }

    /** Whether a matrix is stored as (out, in). */
    public boolean outputsAreRows() {
      return this == EMBEDDING || this == TIED || this == OUTPUT;
    }
  }

  /**
   * One of them.
   *
   * @param decays whether the optimizer's weight decay moves it
   * @param trainable whether training moves it at all
   */
  public record Weight(
      String name, List<Long> shape, Role role, boolean decays, boolean trainable) {
    /** Number of elements. */
    public long size() {
      long size = 1;
      for (long length : shape) {
        size = Math.multiplyExact(size, length);
      }
      return size;
    }
  }

  /** A layout of weights whose names differ. */
  public Layout {
    weights = List.copyOf(weights);
  }

  /** That of a GPT. */
  public static Layout of(GPTConfig config) {
    return LayoutTable.of(config).layout();
  }

  /**
   * A copy in which these weights are not trainable and all others are.
   *
   * @throws IllegalArgumentException if there is no weight of a name
   */
  public Layout freeze(String... names) {
    Set<String> frozen = Set.copyOf(List.of(names));
    Set<String> unknown = new HashSet<>(frozen);
    List<Weight> copies = new ArrayList<>();
    for (Weight w : weights) {
      unknown.remove(w.name);
      copies.add(new Weight(w.name, w.shape, w.role, w.decays, !frozen.contains(w.name)));
    }
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          "frozen: expected names of weights, got " + String.join(", ", unknown));
    }
    return new Layout(copies);
  }

  /** The weights that are trainable. */
  public List<Weight> trainable() {
    return weights.stream().filter(Weight::trainable).toList();
  }

  /** Name -> shape of every weight; biases and gains have one dimension. */
  public Map<String, List<Long>> shapes() {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    weights.forEach(weight -> shapes.put(weight.name, weight.shape));
    return shapes;
  }
}
