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
 * tensor. Weights, gradients and each of Adam's moments are one of these, all laid out alike:
 * matrices first, which the optimizer decays, then vectors (biases and gains), which it does not.
 */
public final class Parameters implements AutoCloseable {
  private final Memory memory;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final long matrixLength;

  /** Name and shape of one weight; a vector has one row. */
  private record Shape(String name, int rows, int columns, boolean isVector) {}

  /** Zeros for every weight of a model of this configuration. */
  public Parameters(GPTConfig config, DType dtype) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    Map<String, Long> offsets = new LinkedHashMap<>();
    List<Shape> shapes = shapes(config);
    long length = 0;
    long matrices = 0;
    for (boolean vectors : new boolean[] {false, true}) {
      for (Shape shape : shapes) {
        if (shape.isVector == vectors) {
          offsets.put(shape.name, length);
          length += ((long) shape.rows * shape.columns + line - 1) / line * line;
        }
      }
      matrices = vectors ? matrices : length;
    }
    matrixLength = matrices;
    memory = Memory.allocate(dtype, length);
    for (Shape shape : shapes) {
      long offset = offsets.get(shape.name);
      tensors.put(shape.name, Tensor.of(memory, offset, shape.rows, shape.columns));
    }
  }

  /** GPT-2's names; weights inside a block are (in, out), as its Conv1D has them. */
  private static List<Shape> shapes(GPTConfig config) {
    int C = config.nEmbd();
    int F = config.nInner();
    List<Shape> shapes = new ArrayList<>();
    matrix(shapes, "wte.weight", config.vocabSize(), C);
    if (config.positions() == GPTConfig.Positions.LEARNED) {
      matrix(shapes, "wpe.weight", config.blockSize(), C);
    }
    if (config.embeddingNorm()) {
      norm(shapes, config, "ln_emb");
    }
    for (int layer = 0; layer < config.nLayer(); layer++) {
      String prefix = "h." + layer + ".";
      norm(shapes, config, prefix + "ln_1");
      linear(shapes, config, prefix + "attn.c_attn", C, config.qkvWidth());
      linear(shapes, config, prefix + "attn.c_proj", C, C);
      norm(shapes, config, prefix + "ln_2");
      int in = config.activation().inputsPerOutput() * F;
      linear(shapes, config, prefix + "mlp.c_fc", C, in);
      linear(shapes, config, prefix + "mlp.c_proj", F, C);
    }
    if (config.finalNorm()) {
      norm(shapes, config, "ln_f");
    }
    if (!config.tieWeights()) {
      matrix(shapes, "lm_head.weight", config.vocabSize(), C);
    }
    return shapes;
  }

  private static void matrix(List<Shape> shapes, String name, int rows, int columns) {
    shapes.add(new Shape(name, rows, columns, false));
  }

  private static void linear(List<Shape> shapes, GPTConfig config, String name, int in, int out) {
    matrix(shapes, name + ".weight", in, out);
    if (config.bias()) {
      shapes.add(new Shape(name + ".bias", 1, out, true));
    }
  }

  private static void norm(List<Shape> shapes, GPTConfig config, String name) {
    if (config.normGain()) {
      shapes.add(new Shape(name + ".weight", 1, config.nEmbd(), true));
    }
    if (config.normBias()) {
      shapes.add(new Shape(name + ".bias", 1, config.nEmbd(), true));
    }
  }

  /** Number of elements that {@link #memory} of such a model has, padding included. */
  public static long length(GPTConfig config, DType dtype) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    return shapes(config).stream()
        .mapToLong(shape -> ((long) shape.rows * shape.columns + line - 1) / line * line)
        .sum();
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

  public Memory memory() {
    return memory;
  }

  @Override
  public void close() {
    memory.close();
  }
}
