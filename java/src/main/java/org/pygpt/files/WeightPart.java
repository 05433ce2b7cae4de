package org.pygpt.files;

import java.util.List;
import org.pygpt.tensor.Tensor;

/**
 * Immutable: a tensor of a file, and where it lies in a weight of ours.
 *
 * @param name in the file
 * @param columns of the weight that it is, in the file's order; null for all, in ours
 * @param transposed whether the file has (out, in) where the model has (in, out)
 * @param offset what is added to its numbers
 * @param skipped rows of the file before ours
 * @param shape in the file; null for that of these columns
 */
record WeightPart(
    String name, int[] columns, boolean transposed, double offset, int skipped, List<Long> shape) {

  /** A whole weight, as it is. */
  static WeightPart whole(String name) {
    return new WeightPart(name, null, false, 0, 0, null);
  }

  /** The shape in the file, for the shape of the weight. */
  List<Long> shapeOf(List<Long> ours) {
    if (shape != null) {
      return shape;
    }
    long width = columns == null ? ours.getLast() : columns.length;
    if (ours.size() == 1) {
      return List.of(width);
    }
    return transposed ? List.of(width, ours.getFirst()) : List.of(ours.getFirst() + skipped, width);
  }

  /** Sets what a row of the weight has of this tensor. */
  void copy(SafeTensors.Array array, Tensor weight, int row, double[] values) {
    int width = columns == null ? values.length : columns.length;
    long first = transposed ? row : ((long) row + skipped) * width;
    long step = transposed ? weight.rows() : 1;
    for (int i = 0; i < width; i++) {
      values[columns == null ? i : columns[i]] = array.getFloat(first + i * step) + offset;
    }
  }
}
