package org.pygpt.model;

import java.math.BigInteger;
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
 * matrices first, which the optimizer decays, then vectors (biases and gains), which it does not.
 */
public final class Parameters implements AutoCloseable {
  private final Memory memory;
  private final DType dtype;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final long matrixLength;

  /** Zeros for every weight of a model of this configuration. */
  public Parameters(Device device, GPTConfig config, DType dtype) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes();
    Map<String, List<Long>> shapes = shapes(config);
    Map<String, Long> offsets = new HashMap<>();
    long length = 0;
    long matrices = 0;
    for (int dimensions : new int[] {2, 1}) {
      for (var entry : shapes.entrySet()) {
        if (entry.getValue().size() == dimensions) {
          offsets.put(entry.getKey(), length);
          length += (product(entry.getValue()).longValueExact() + line - 1) / line * line;
        }
      }
      matrices = dimensions == 2 ? length : matrices;
    }
    matrixLength = matrices;
    memory = device.allocate(dtype, length);
    this.dtype = dtype;
    shapes.forEach((name, shape) -> {
      int rows = shape.size() == 2 ? Math.toIntExact(shape.getFirst()) : 1;
      int columns = Math.toIntExact(shape.getLast());
      tensors.put(name, Tensor.of(memory, dtype, offsets.get(name), rows, columns));
    });
  }

  // ---- shapes ----------------------------------------------------------------------------------

  /**
   * Name -> shape of every weight, in the order in which data flows through the model: GPT-2's
   * names; (in, out) inside a block, as its Conv1D has them; biases and gains have one dimension.
   */
  public static Map<String, List<Long>> shapes(GPTConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>(embeddingShapes(config));
    Map<String, List<Long>> block = blockShapes(config);
    for (int layer = 0; layer < config.nLayer(); layer++) {
      String prefix = "h." + layer + ".";
      block.forEach((name, shape) -> shapes.put(prefix + name, shape));
    }
    shapes.putAll(outputShapes(config));
    return shapes;
  }

  /** Number of entries of {@link #shapes}, also where there are too many for a map. */
  public static long tensorCount(GPTConfig config) {
    long outer = embeddingShapes(config).size() + outputShapes(config).size();
    return outer + (long) config.nLayer() * blockShapes(config).size();
  }

  /** Number of weights, also where no memory holds them. */
  public static BigInteger count(GPTConfig config) {
    BigInteger layers = BigInteger.valueOf(config.nLayer());
    return sum(embeddingShapes(config))
        .add(sum(blockShapes(config)).multiply(layers))
        .add(sum(outputShapes(config)));
  }

  private static BigInteger sum(Map<String, List<Long>> shapes) {
    return shapes.values().stream()
        .map(Parameters::product)
        .reduce(BigInteger.ZERO, BigInteger::add);
  }

  private static BigInteger product(List<Long> shape) {
    return shape.stream().map(BigInteger::valueOf).reduce(BigInteger.ONE, BigInteger::multiply);
  }

  private static Map<String, List<Long>> embeddingShapes(GPTConfig config) {
    long C = config.nEmbd();
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put("wte.weight", List.of((long) config.vocabSize(), C));
    if (config.positions() == GPTConfig.Positions.LEARNED) {
      shapes.put("wpe.weight", List.of((long) config.blockSize(), C));
    }
    if (config.embeddingNorm()) {
      putNorm(shapes, config, "ln_emb");
    }
    return shapes;
  }

  private static Map<String, List<Long>> blockShapes(GPTConfig config) {
    long C = config.nEmbd();
    long F = config.nInner();
    long qkv = (config.nHead() + 2L * config.nKvHead()) * config.headSize();
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    putNorm(shapes, config, "ln_1");
    putLinear(shapes, config, "attn.c_attn", C, qkv);
    putLinear(shapes, config, "attn.c_proj", C, C);
    putNorm(shapes, config, "ln_2");
    putLinear(shapes, config, "mlp.c_fc", C, config.activation().inputsPerOutput() * F);
    putLinear(shapes, config, "mlp.c_proj", F, C);
    return shapes;
  }

  private static Map<String, List<Long>> outputShapes(GPTConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    if (config.finalNorm()) {
      putNorm(shapes, config, "ln_f");
    }
    if (!config.tieWeights()) {
      shapes.put("lm_head.weight", List.of((long) config.vocabSize(), (long) config.nEmbd()));
    }
    return shapes;
  }

  private static void putLinear(
      Map<String, List<Long>> shapes, GPTConfig config, String name, long in, long out) {
    shapes.put(name + ".weight", List.of(in, out));
    if (config.bias()) {
      shapes.put(name + ".bias", List.of(out));
    }
  }

  private static void putNorm(Map<String, List<Long>> shapes, GPTConfig config, String name) {
    List<Long> shape = List.of((long) config.nEmbd());
    if (config.normGain()) {
      shapes.put(name + ".weight", shape);
    }
    if (config.normBias()) {
      shapes.put(name + ".bias", shape);
    }
  }

  // ---- views -----------------------------------------------------------------------------------

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
