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
 * <p>An int4 scale is the weight of largest magnitude among a group's over -8, in float16, so that
 * this weight, of whichever sign, is -8 times the scale. Groups are {@link WeightFormat#GROUP}
 * inputs of one output, from the first on; scale g of output o is that of inputs 32 g to 32 g + 31.
 *
 * @see <a href="https://arxiv.org/abs/2208.07339">Dettmers et al. 2022, LLM.int8(), section 2</a>
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF, for Q4_0</a>
 */
public final class QuantizedMatrix {
  /** The largest whole number of int8; -128 is not used, so that the range is symmetric. */
  private static final int INT8_MAX = 127;

  private static final int INT4_LEAST = -8;
  private static final int INT4_MAX = 7;
  private static final float FLOAT16_MAX = 65504;

  /** Bits of a float32 that a scale of int8 leaves 0: its 24 less the 17. */
  private static final int LOW_BITS = (1 << 7) - 1;

  private final WeightFormat format;
  private final Tensor weight;
  private final boolean outputsAreRows;
  private final int groups; // scales of an output
  private final float[] scales; // (outputs, groups)

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
    groups = format.scales(inputs());
    scales = new float[outputs() * groups]; // the numbers of largest magnitude at first
    double[] values = new double[weight.columns()];
    for (int row = 0; row < weight.rows(); row++) {
      weight.readRow(row, values);
      for (int c = 0; c < values.length; c++) {
        int at = scaleOf(row, c);
        float value = (float) values[c];
        if (Math.abs(value) > Math.abs(scales[at]) || Float.isNaN(value)) { // NaN stays
          scales[at] = value;
        }
      }
    }
    for (int i = 0; i < scales.length; i++) {
      if (!Float.isFinite(scales[i])) {
        throw new IllegalArgumentException(
            "weights: expected finite numbers, got others; look at the training");
      }
      scales[i] = scale(scales[i]);
    }
  }

  /** Index of the scale that the weight at (row, column) has. */
  private int scaleOf(int row, int column) {
    int output = outputsAreRows ? row : column;
    int input = outputsAreRows ? column : row;
    return groups == 1 ? output : output * groups + input / WeightFormat.GROUP;
  }

  private float scale(float largest) {
    return switch (format) {
      case INT8 -> {
        int bits = Float.floatToRawIntBits(Math.abs(largest) / INT8_MAX);
        yield Float.intBitsToFloat(bits + LOW_BITS & ~LOW_BITS);
      }
      case INT4 -> {
        float scale = Math.clamp(largest / INT4_LEAST, -FLOAT16_MAX, FLOAT16_MAX);
        yield Float.float16ToFloat(Float.floatToFloat16(scale)) + 0f; // never -0
      }
      case BFLOAT16 -> 1;
    };
  }

  public WeightFormat format() {
    return format;
  }

  /** The weights themselves, as they are. */
  public Tensor weight() {
    return weight;
  }

  /** Whether the matrix is (out, in) rather than (in, out). */
  public boolean outputsAreRows() {
    return outputsAreRows;
  }

  public int inputs() {
    return outputsAreRows ? weight.columns() : weight.rows();
  }

  public int outputs() {
    return outputsAreRows ? weight.rows() : weight.columns();
  }

  /** What an output's numbers are multiplied by in a format with one scale; 1 for bfloat16. */
  public float scale(int output) {
    return scale(output, 0);
  }

  /** What the number of an output and an input is multiplied by. */
  public float scale(int output, int input) {
    return scales[groups == 1 ? output : output * groups + input / WeightFormat.GROUP];
  }

  /** The number that is stored, as a whole number of so many bits as the format has. */
  public int code(int output, int input) {
    double value =
        outputsAreRows
            ? HostMemory.get(weight, output, input)
            : HostMemory.get(weight, input, output);
    return code((float) value, scale(output, input));
  }

  private int code(float value, float scale) {
    return switch (format) {
      case INT8 -> nearest(value, scale);
      case INT4 -> Math.clamp(nearest(value, scale), INT4_LEAST, INT4_MAX);
      case BFLOAT16 -> DType.toBfloat16(value);
    };
  }

  private static int nearest(float value, float scale) {
    return (int) Math.rint((double) value / scale); // 0 where all are 0: NaN becomes 0
  }

  /** Rounds the weights themselves. */
  public void apply() {
    double[] values = new double[weight.columns()];
    for (int row = 0; row < weight.rows(); row++) {
      weight.readRow(row, values);
      for (int c = 0; c < values.length; c++) {
        float scale = scales[scaleOf(row, c)];
        int code = code((float) values[c], scale);
        boolean whole = format != WeightFormat.BFLOAT16;
        values[c] = whole ? code * scale : DType.fromBfloat16((short) code);
      }
      weight.writeRow(row, values);
    }
  }
}
