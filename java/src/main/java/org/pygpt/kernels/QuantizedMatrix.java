package org.pygpt.kernels;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A weight matrix as a format of fewer bits has it. Made from the weights as they are, it changes
 * them only in {@link #apply}; rounding what is rounded changes nothing.
 *
 * <p>An int8 scale is the largest magnitude among an output's weights over 127, rounded up to 17
 * bits: its products with whole numbers of 7 bits are then float32 numbers, without rounding.
 *
 * @see <a href="https://arxiv.org/abs/2208.07339">Dettmers et al. 2022, LLM.int8(), section 2</a>
 */
public final class QuantizedMatrix {
  /** The largest whole number of int8; -128 is not used, so that the range is symmetric. */
  private static final int INT8_MAX = 127;

  /** Bits of a float32 that a scale leaves 0: its 24 less the 17. */
  private static final int LOW_BITS = (1 << 7) - 1;

  private final WeightFormat format;
  private final Tensor weight;
  private final boolean outputsAreRows;
  private final float[] scales;

  /**
   * Reads the weights and finds their scales.
   *
   * @param outputsAreRows whether the matrix is (out, in) rather than (in, out)
   * @throws IllegalArgumentException if a weight is not finite
   */
  public QuantizedMatrix(WeightFormat format, Tensor weight, boolean outputsAreRows) {
    this.format = format;
    this.weight = weight;
    this.outputsAreRows = outputsAreRows;
    scales = new float[outputs()]; // the largest magnitudes at first
    double[] values = new double[weight.columns()];
    for (int row = 0; row < weight.rows(); row++) {
      weight.readRow(row, values);
      for (int c = 0; c < values.length; c++) {
        int output = outputsAreRows ? row : c;
        scales[output] = Math.max(scales[output], Math.abs((float) values[c]));
      }
    }
    for (int output = 0; output < scales.length; output++) {
      if (!Float.isFinite(scales[output])) {
        throw new IllegalArgumentException(
            "weights: expected finite numbers, got others; look at the training");
      }
      scales[output] = format == WeightFormat.INT8 ? scale(scales[output]) : 1;
    }
  }

  private static float scale(float largest) {
    int bits = Float.floatToRawIntBits(largest / INT8_MAX);
    return Float.intBitsToFloat(bits + LOW_BITS & ~LOW_BITS);
  }

  public WeightFormat format() {
    return format;
  }

  public int inputs() {
    return outputsAreRows ? weight.columns() : weight.rows();
  }

  public int outputs() {
    return outputsAreRows ? weight.rows() : weight.columns();
  }

  /** What an output's numbers are multiplied by; 1 for bfloat16. */
  public float scale(int output) {
    return scales[output];
  }

  /** The number that is stored, as a whole number of so many bits as the format has. */
  public int code(int output, int input) {
    double value =
        outputsAreRows
            ? HostMemory.get(weight, output, input)
            : HostMemory.get(weight, input, output);
    return code((float) value, output);
  }

  private int code(float value, int output) {
    return format == WeightFormat.INT8
        ? (int) Math.rint((double) value / scales[output]) // 0 where all are 0: NaN becomes 0
        : DType.toBfloat16(value);
  }

  /** Rounds the weights themselves. */
  public void apply() {
    double[] values = new double[weight.columns()];
    for (int row = 0; row < weight.rows(); row++) {
      weight.readRow(row, values);
      for (int c = 0; c < values.length; c++) {
        int output = outputsAreRows ? row : c;
        int code = code((float) values[c], output);
        boolean whole = format == WeightFormat.INT8;
        values[c] = whole ? code * scales[output] : DType.fromBfloat16((short) code);
      }
      weight.writeRow(row, values);
    }
  }
}
