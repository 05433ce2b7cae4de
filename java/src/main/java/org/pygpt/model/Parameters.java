package org.pygpt.model;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: one number for each weight of a model, in one flat array with a named view of each
 * tensor. Weights, gradients and each of Adam's moments are one of these, all laid out alike:
 * matrices first, then vectors (biases and gains).
 */
public final class Parameters implements AutoCloseable {
  private final Layout layout;
  private final Memory memory;
  private final DType dtype;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final long matrixLength;

  /** Zeros for every weight of a layout. */
  public Parameters(Device device, Layout layout, DType dtype) {
    this.layout = layout;
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    Map<String, Long> offsets = new HashMap<>();
    long length = 0;
    long matrices = 0;
    for (boolean vectors : new boolean[] {false, true}) {
      for (Layout.Weight weight : layout.weights()) {
        if (weight.role().isVector() == vectors) {
          offsets.put(weight.name(), length);
          length += (weight.size() + line - 1) / line * line;
        }
      }
      matrices = vectors ? matrices : length;
    }
    matrixLength = matrices;
    memory = device.allocate(dtype, length);
    this.dtype = dtype;
    layout
        .shapes()
        .forEach((name, shape) -> {
          int rows = shape.size() == 2 ? Math.toIntExact(shape.getFirst()) : 1;
          int columns = Math.toIntExact(shape.getLast());
          tensors.put(name, Tensor.of(memory, dtype, offsets.get(name), rows, columns));
        });
  }

  /** What the weights are, in the order in which data flows through the model. */
  public Layout layout() {
    return layout;
  }

  /** Names in the order in which data flows through the model. */
  public List<String> names() {
    return List.copyOf(tensors.keySet());
  }

  /** Whether there is a weight called {@code name}. */
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  /** Whether {@code name} is a bias or a gain, and so one row. */
  public boolean isVector(String name) {
    return get(name).offset() >= matrixLength;
  }

  /**
   * The weight called {@code name}, shared.
   *
   * @throws IllegalArgumentException if there is none
   */
  public Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "parameter: expected one of " + tensors.keySet() + ", got " + name);
    }
    return tensor;
  }

  /** Number of weights, without the padding between tensors. */
  public long count() {
    return tensors.values().stream().mapToLong(Tensor::size).sum();
  }

  /** Elements of {@link #memory} that belong to matrices; the rest belong to vectors. */
  public long matrixLength() {
    return matrixLength;
  }

  public DType dtype() {
    return dtype;
  }

  public Memory memory() {
    return memory;
  }

  /** All weights and the padding between them. */
  public Flat flat() {
    return Flat.of(memory, dtype);
  }

  @Override
  public void close() {
    memory.close();
  }
}
