package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.pygpt.kernels.cpu.TileCode.WIDTH;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A quantized matrix in tiles of {@link TileCode#WIDTH} outputs, each as {@link TileCode} reads it:
 * all inputs of a tile, so many together as share a word. For int8 and bfloat16 this is a layout of
 * oneDNN's too.
 *
 * @param padded inputs, filled up with zeros
 * @param weights the tiles, one after another
 * @param table for each tile of int8: minus {@link TileCode#DIGIT_OFFSET} times the sum of each
 *     output's weights, then its scales; else nothing
 */
record CodedMatrix(
    CodedProducts products,
    WeightFormat format,
    int inputs,
    int padded,
    int outputs,
    HostMemory weights,
    HostMemory table)
    implements PackedMatrix {
  /** Bytes of an output's inputs that oneDNN has in a block. */
  private static final int BLOCK_BYTES = 64;

  /** With more, products of the float32 matrices are as fast. */
  private static final int MOST_ROWS = 127;

  /** Bytes of {@link #table} that a tile has. */
  static final int TABLE_BYTES = WIDTH * (Integer.BYTES + Float.BYTES);

  /** A copy of the matrix; {@code products} will multiply by it. */
  static CodedMatrix of(CodedProducts products, QuantizedMatrix matrix) {
    WeightFormat format = matrix.format();
    int inputs = matrix.inputs();
    int outputs = matrix.outputs();
    int padded = padded(format, inputs);
    HostMemory weights = HostDevice.host().allocate(weightBytes(format, inputs, outputs));
    HostMemory table = HostDevice.host().allocate(tableBytes(format, outputs));
    CodedMatrix coded = new CodedMatrix(products, format, inputs, padded, outputs, weights, table);
    coded.fill(matrix);
    return coded;
  }

  private static int padded(WeightFormat format, int inputs) {
    int block = BLOCK_BYTES * Byte.SIZE / format.bits();
    int multiple = format == WeightFormat.INT4 ? WeightFormat.GROUP : block;
    return Math.ceilDiv(inputs, multiple) * multiple;
  }

  private static long weightBytes(WeightFormat format, int inputs, int outputs) {
    return tiles(outputs) * TileCode.tileBytes(format, padded(format, inputs));
  }

  private static long tableBytes(WeightFormat format, int outputs) {
    return format == WeightFormat.INT8 ? (long) tiles(outputs) * TABLE_BYTES : Long.BYTES;
  }

  /** Bytes of the copy of a matrix. */
  static long byteSize(WeightFormat format, int inputs, int outputs) {
    return weightBytes(format, inputs, outputs) + tableBytes(format, outputs);
  }

  private static int tiles(int outputs) {
    return Math.ceilDiv(outputs, WIDTH);
  }

  int tiles() {
    return tiles(outputs);
  }

  /** Outputs of a tile. */
  int width(int tile) {
    return Math.min(WIDTH, outputs - tile * WIDTH);
  }

  long tileBytes() {
    return TileCode.tileBytes(format, padded);
  }

  private void fill(QuantizedMatrix matrix) {
    MemorySegment to = weights.segment(); // zeroed
    for (int output = 0; output < outputs; output++) {
      long tile = output / WIDTH * tileBytes();
      int column = output % WIDTH;
      switch (format) {
        case INT8 -> fillInt8(matrix, output, to, tile, column);
        case BFLOAT16 -> {
          for (int p = 0; p < inputs; p++) {
            long at = tile + 4 * (p / 2 * (long) WIDTH + column) + p % 2 * Short.BYTES;
            to.set(JAVA_SHORT, at, (short) matrix.code(output, p));
          }
        }
        case INT4 -> fillInt4(matrix, output, to, tile, column);
      }
    }
  }

  private void fillInt8(
      QuantizedMatrix matrix, int output, MemorySegment to, long tile, int column) {
    int sum = 0;
    for (int p = 0; p < inputs; p++) {
      int code = matrix.code(output, p);
      sum += code;
      to.set(JAVA_BYTE, tile + 4 * (p / 4 * (long) WIDTH + column) + p % 4, (byte) code);
    }
    long at = (long) output / WIDTH * TABLE_BYTES + (long) column * Integer.BYTES;
    table.segment().set(JAVA_INT, at, -TileCode.DIGIT_OFFSET * sum);
    table.segment().set(JAVA_FLOAT, at + WIDTH * Integer.BYTES, matrix.scale(output));
  }

  private void fillInt4(
      QuantizedMatrix matrix, int output, MemorySegment to, long tile, int column) {
    for (int p = 0; p < inputs; p++) {
      long group = tile + p / WeightFormat.GROUP * (long) TileCode.int4GroupBytes();
      if (p % WeightFormat.GROUP == 0) {
        short scale = Float.floatToFloat16(matrix.scale(output, p));
        to.set(JAVA_SHORT, group + column * Short.BYTES, scale);
      }
      long words = group + WIDTH * Short.BYTES;
      int block = p % WeightFormat.GROUP / TileCode.CODES;
      long at = words + 4L * (block * WIDTH + column) + p % 4;
      int shift = p % TileCode.CODES / 4 * format.bits();
      int others = to.get(JAVA_BYTE, at);
      to.set(JAVA_BYTE, at, (byte) (others | (matrix.code(output, p) + 8) << shift));
    }
  }

  @Override
  public int mostRows() {
    return MOST_ROWS;
  }

  @Override
  public boolean canRound() {
    return RoundedProducts.has(format);
  }

  @Override
  public void multiplyRounded(int rows, Tensor x, Tensor out) {
    products.multiplyRounded(rows, x, this, out);
  }

  @Override
  public void multiply(int rows, Tensor x, Tensor out) {
    products.multiply(rows, x, this, out);
  }

  @Override
  public void close() {
    weights.close();
    table.close();
  }
}
