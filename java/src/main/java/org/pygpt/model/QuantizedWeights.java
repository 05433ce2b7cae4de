package org.pygpt.model;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Choice;

/** The packed copies of a model's rounded matrices, by name. */
final class QuantizedWeights implements AutoCloseable {
  private static final String POSITIONS = "wpe.weight";
  private static final List<String> OUTPUTS_ARE_ROWS = List.of("wte.weight", "lm_head.weight");

  private final WeightFormat format;
  private final Map<String, PackedMatrix> packed = new LinkedHashMap<>();

  /**
   * Rounds the matrices of {@code weights} in place and packs those that products read.
   *
   * @throws IllegalArgumentException if a weight is not finite; none is changed then
   * @throws TooLargeError if the copies do not fit into memory; no weight is changed then
   */
  QuantizedWeights(WeightFormat format, GPTConfig config, Parameters weights, Kernels kernels) {
    this.format = format;
    Map<String, QuantizedMatrix> matrices = new LinkedHashMap<>();
    for (String name : weights.names()) {
      if (!weights.isVector(name) && !name.equals(POSITIONS)) {
        boolean outputsAreRows = OUTPUTS_ARE_ROWS.contains(name);
        matrices.put(name, new QuantizedMatrix(format, weights.get(name), outputsAreRows));
      }
    }
    List<QuantizedMatrix> all = List.copyOf(matrices.values());
    if (!config.tieWeights()) {
      matrices.remove("wte.weight"); // only looked up
    }
    long bytes = 0;
    for (QuantizedMatrix matrix : matrices.values()) {
      bytes += kernels.packedBytes(format, matrix.inputs(), matrix.outputs());
    }
    kernels.device().require(BigInteger.valueOf(bytes), "a copy of the weights as " + format());
    all.parallelStream().forEach(QuantizedMatrix::apply);
    if (bytes > 0) {
      matrices.forEach((name, matrix) -> packed.put(name, kernels.pack(matrix)));
    }
  }

  /** Name of the format. */
  String format() {
    return Choice.name(format);
  }

  /** The copy of a weight; null if there is none. */
  PackedMatrix packed(String name) {
    return packed.get(name);
  }

  @Override
  public void close() {
    packed.values().forEach(PackedMatrix::close);
  }
}
