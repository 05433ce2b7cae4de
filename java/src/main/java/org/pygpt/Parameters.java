package org.pygpt;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: one number for each weight of a model, in one flat array with a named view of each
 * tensor. Weights, gradients and each of Adam's moments are one of these, all laid out alike.
 */
public final class Parameters implements AutoCloseable {
  private final Memory memory;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** Name and shape of one weight. */
  private record Shape(String name, int rows, int columns) {}

  /** Zeros for every weight of a model of this configuration. */
  public Parameters(GPTConfig config, DType dtype) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    List<Shape> shapes = shapes(config);
    long length = 0;
    for (Shape shape : shapes) {
      length += ((long) shape.rows * shape.columns + line - 1) / line * line;
    }
    memory = Memory.allocate(dtype, length);
    long offset = 0;
    for (Shape shape : shapes) {
      tensors.put(shape.name, Tensor.of(memory, offset, shape.rows, shape.columns));
      offset += ((long) shape.rows * shape.columns + line - 1) / line * line;
    }
  }

  /** GPT-2's names; weights inside a block are (in, out), as its Conv1D has them. */
  private static List<Shape> shapes(GPTConfig config) {
    int C = config.nEmbd();
    int V = config.vocabSize();
    int F = GPTConfig.FEED_FORWARD_FACTOR * C;
    List<Shape> shapes = new ArrayList<>();
    shapes.add(new Shape("wte.weight", V, C));
    shapes.add(new Shape("wpe.weight", config.blockSize(), C));
    for (int layer = 0; layer < config.nLayer(); layer++) {
      String prefix = "h." + layer + ".";
      shapes.add(new Shape(prefix + "attn.c_attn.weight", C, 3 * C));
      shapes.add(new Shape(prefix + "attn.c_proj.weight", C, C));
      shapes.add(new Shape(prefix + "mlp.c_fc.weight", C, F));
      shapes.add(new Shape(prefix + "mlp.c_proj.weight", F, C));
    }
    shapes.add(new Shape("lm_head.weight", V, C));
    return shapes;
  }

  /** Names in the order of their place in memory. */
  public List<String> names() {
    return List.copyOf(tensors.keySet());
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

  /** Everything as one row, padding included. */
  public Tensor flat() {
    return Tensor.of(memory, 0, 1, Math.toIntExact(memory.length()));
  }

  public Memory memory() {
    return memory;
  }

  @Override
  public void close() {
    memory.close();
  }
}
