package org.pygpt.model;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Choice;

/** The packed copies of a model's rounded matrices, by name. */
final class QuantizedWeights implements AutoCloseable {
  private final WeightFormat format;
  private final Map<String, PackedMatrix> packed = new LinkedHashMap<>();

  /**
   * Rounds the matrices of {@code weights} in place and packs those that products read.
   *
   * @throws IllegalArgumentException if a weight is not finite; none is changed then
   * @throws TooLargeError if the copies do not fit into memory; no weight is changed then
   */
  QuantizedWeights(WeightFormat format, Parameters weights, Kernels kernels) {
    this.format = format;
    List<QuantizedMatrix> all = new ArrayList<>();
    Map<String, QuantizedMatrix> matrices = new LinkedHashMap<>(); // those of products
    for (Layout.Weight weight : weights.layout().weights()) {
      Layout.Role role = weight.role();
      if (!role.isVector() && role != Layout.Role.POSITIONS) {
        Tensor values = weights.get(weight.name());
        WeightFormat own = role.outputsAreRows() ? format.ofTokens() : format;
        QuantizedMatrix matrix = new QuantizedMatrix(own, values, role.outputsAreRows());
        all.add(matrix);
        if (role != Layout.Role.EMBEDDING) { // which is only looked up
          matrices.put(weight.name(), matrix);
        }
      }
    }
    long bytes = 0;
    for (QuantizedMatrix matrix : matrices.values()) {
      bytes += kernels.packedBytes(matrix.format(), matrix.inputs(), matrix.outputs());
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

  /** Most rows of a step in which each has the same bits as alone. */
  int rowsAlike(Kernels kernels) {
    int most = packed.isEmpty() ? 0 : Integer.MAX_VALUE;
    for (PackedMatrix matrix : packed.values()) {
      most = Math.min(most, matrix.mostRows());
    }
    return Math.max(most, kernels.rowsAlike());
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
