package org.pygpt.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: bfloat16 copies of the matrices that products read while a model is trained in that
 * type. The weights themselves stay float32; {@link #refresh} rounds them anew.
 */
public final class ProductWeights implements AutoCloseable {
  private static final DType DTYPE = DType.BFLOAT16;
  private static final int LINE = Memory.ALIGNMENT_BYTES / DTYPE.bytes();

  private final Parameters weights;
  private final Memory memory;
  private final Map<String, Tensor> copies = new LinkedHashMap<>();

  /**
   * Copies of a model's matrices, not filled yet.
   *
   * @throws TooLargeError if there is no memory for them
   */
  public ProductWeights(Device device, Parameters weights) {
    this.weights = weights;
    memory = device.allocate(DTYPE, length(weights.layout()));
    long offset = 0;
    for (Layout.Weight weight : weights.layout().weights()) {
      if (isRead(weight)) {
        Tensor matrix = weights.get(weight.name());
        copies.put(
            weight.name(), Tensor.of(memory, DTYPE, offset, matrix.rows(), matrix.columns()));
        offset += padded(weight);
      }
    }
  }

  private static boolean isRead(Layout.Weight weight) {
    return switch (weight.role()) {
      case TIED, LINEAR, PROJECTION, OUTPUT -> true;
      case EMBEDDING, POSITIONS, GAIN, BIAS -> false;
    };
  }

  private static long padded(Layout.Weight weight) {
    return (weight.size() + LINE - 1) / LINE * LINE;
  }

  private static long length(Layout layout) {
    return layout.weights().stream()
        .filter(ProductWeights::isRead)
        .mapToLong(ProductWeights::padded)
        .sum();
  }

  /** Size in bytes of the copies of a layout's matrices. */
  public static long byteSize(Layout layout) {
    return length(layout) * DTYPE.bytes();
  }

  /** What products read of a weight: its copy, or where there is none the weight itself. */
  Tensor of(String name) {
    return copies.containsKey(name) ? copies.get(name) : weights.get(name);
  }

  /** Rounds the weights as they are now. */
  public void refresh(Kernels kernels) {
    copies.forEach((name, copy) -> kernels.copy(copy.rows(), weights.get(name), copy, 0));
  }

  @Override
  public void close() {
    memory.close();
  }
}
