package org.pygpt.model;

import java.util.Collections;
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
 * Mutable: one number for each weight of a model, or for each that is trained, in one flat array
 * with a named view of each tensor: matrices first, then vectors (biases and gains). Weights,
 * gradients and each of Adam's moments are one of these.
 */
public final class Parameters implements AutoCloseable {
  private final Layout layout;
  private final Memory memory;
  private final DType dtype;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final long matrixLength;

  /** Zeros for every weight of a layout. */
  public Parameters(Device device, Layout layout, DType dtype) {
    this(device, layout, dtype, true, 1);
  }

  /**
   * Zeros for the trainable weights of a layout. They lie as in an array of all weights of which
   * the blocks without a trainable one are left out, so that sums over blocks of it are the same.
   *
   * @param block number of elements
   */
  public static Parameters trainable(Device device, Layout layout, DType dtype, int block) {
    return new Parameters(device, layout, dtype, false, block);
  }

  private Parameters(Device device, Layout layout, DType dtype, boolean all, long block) {
    this.layout = layout;
    this.dtype = dtype;
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    Map<String, Long> offsets = new HashMap<>();
    long whole = 0; // elements up to here, of the array of all weights
    long blocks = 0; // end of the last block that is kept, there
    long gaps = 0; // elements before it that are left out
    long length = line; // no memory is empty
    long matrices = 0;
    for (boolean vectors : new boolean[] {false, true}) {
      for (Layout.Weight weight : layout.weights()) {
        if (weight.role().isVector() == vectors) {
          long end = whole + roundUp(weight.size(), line);
          if (all || weight.trainable()) {
            gaps += Math.max(0, whole / block * block - blocks);
            blocks = roundUp(end, block);
            offsets.put(weight.name(), whole - gaps);
            length = end - gaps;
          }
          whole = end;
        }
      }
      matrices = vectors ? matrices : length;
    }
    matrixLength = matrices;
    memory = device.allocate(dtype, length);
    for (Layout.Weight weight : all ? layout.weights() : layout.trainable()) {
      List<Long> shape = weight.shape();
      int rows = shape.size() == 2 ? Math.toIntExact(shape.getFirst()) : 1;
      int columns = Math.toIntExact(shape.getLast());
      long offset = offsets.get(weight.name());
      tensors.put(weight.name(), Tensor.of(memory, dtype, offset, rows, columns));
    }
  }

  /** Zeros of another dtype for each of these weights, at the same places. */
  public Parameters zeros(Device device, DType dtype) {
    return new Parameters(this, device, dtype);
  }

  private Parameters(Parameters places, Device device, DType dtype) {
    layout = places.layout;
    matrixLength = places.matrixLength;
    this.dtype = dtype;
    memory = device.allocate(dtype, places.flat().length());
    places.tensors.forEach((name, place) ->
        tensors.put(name, Tensor.of(memory, dtype, place.offset(), place.rows(), place.columns())));
  }

  private static long roundUp(long length, long unit) {
    return (length + unit - 1) / unit * unit;
  }

  /** All weights of the model, in the order in which data flows through the model. */
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

  /** The views by name, shared. */
  public Map<String, Tensor> views() {
    return Collections.unmodifiableMap(tensors);
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
