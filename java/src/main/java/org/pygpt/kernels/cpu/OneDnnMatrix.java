package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A quantized matrix in parts of some outputs each, every part as oneDNN lays it out for this
 * processor.
 *
 * @param padded inputs, filled up with zeros: a product may read the end of a row together with the
 *     beginning of the next one
 * @param width outputs of a part; the last one may have fewer
 * @param whole how a part lies
 * @param rest how the last part lies if it has fewer outputs; else as the others
 * @param memory the parts, one after another
 * @param scales of int8, what sums are multiplied by
 */
record OneDnnMatrix(
    OneDnnProducts products,
    WeightFormat format,
    int inputs,
    int padded,
    int outputs,
    int width,
    OneDnnProducts.Layout whole,
    OneDnnProducts.Layout rest,
    HostMemory memory,
    float[] scales)
    implements PackedMatrix {
  /** Bytes of a part, about: it stays in a second-level cache while many rows are multiplied. */
  private static final int PART_BYTES = 1 << 19;

  /** Parts have whole tiles of any processor's products. */
  private static final int MULTIPLE = 64;

  /** Bytes of a row of x that are read together, at most. */
  private static final int READ = 64;

  /** A copy of the matrix; {@code products} will multiply by it. */
  static OneDnnMatrix of(OneDnnProducts products, QuantizedMatrix matrix) {
    WeightFormat format = matrix.format();
    int inputs = matrix.inputs();
    int padded = padded(format, inputs);
    int outputs = matrix.outputs();
    int width = width(format, inputs, outputs, products.workers().size());
    float[] scales = new float[outputs];
    for (int output = 0; output < outputs; output++) {
      scales[output] = matrix.scale(output);
    }
    OneDnnMatrix packed =
        new OneDnnMatrix(
            products,
            format,
            inputs,
            padded,
            outputs,
            width,
            products.layout(format, padded, width),
            products.layout(format, padded, outputs - (parts(outputs, width) - 1) * width),
            HostDevice.host().allocate(byteSize(products, format, inputs, outputs)),
            scales);
    packed.fill(matrix);
    return packed;
  }

  private static int padded(WeightFormat format, int inputs) {
    int together = READ * Byte.SIZE / format.bits();
    return Math.ceilDiv(inputs, together) * together;
  }

  /** As many parts as the team can share evenly, each of some {@link #PART_BYTES}. */
  private static int width(WeightFormat format, int inputs, int outputs, int workers) {
    long bytes = (long) inputs * outputs * format.bits() / Byte.SIZE;
    long parts = Math.ceilDiv(Math.ceilDiv(bytes, PART_BYTES), (long) workers) * workers;
    long width = Math.ceilDiv(Math.ceilDiv(outputs, parts), (long) MULTIPLE) * MULTIPLE;
    return (int) Math.min(outputs, width);
  }

  private static int parts(int outputs, int width) {
    return Math.ceilDiv(outputs, width);
  }

  /** Bytes of the copy of a matrix. */
  static long byteSize(OneDnnProducts products, WeightFormat format, int inputs, int outputs) {
    int width = width(format, inputs, outputs, products.workers().size());
    return parts(outputs, width) * products.layout(format, padded(format, inputs), width).bytes();
  }

  int parts() {
    return parts(outputs, width);
  }

  /** Outputs of a part. */
  int width(int part) {
    return Math.min(width, outputs - part * width);
  }

  /** How a part lies. */
  OneDnnProducts.Layout layout(int part) {
    return part + 1 < parts() ? whole : rest;
  }

  /** The bytes of a part. */
  MemorySegment part(int part) {
    return memory.segment().asSlice(part * whole.bytes(), layout(part).bytes());
  }

  private void fill(QuantizedMatrix matrix) {
    for (int part = 0; part < parts(); part++) {
      int count = width(part);
      try (Arena arena = Arena.ofConfined()) {
        long bytes = (long) padded * count * format.bits() / Byte.SIZE;
        MemorySegment plain = arena.allocate(bytes, MULTIPLE); // (padded, count), zeros
        for (int p = 0; p < inputs; p++) {
          for (int o = 0; o < count; o++) {
            int code = matrix.code(part * width + o, p);
            long index = (long) p * count + o;
            if (format == WeightFormat.INT8) {
              plain.setAtIndex(JAVA_BYTE, index, (byte) code);
            } else {
              plain.setAtIndex(JAVA_SHORT, index, (short) code);
            }
          }
        }
        long description = OneDnnWeights.describe(OneDnnProducts.type(format), padded, count);
        OneDnnWeights.reorder(description, plain, layout(part).description(), part(part));
        OneDnn.forgetDescription(description);
      }
    }
  }

  @Override
  public int mostRows() {
    return Integer.MAX_VALUE;
  }

  @Override
  public void multiply(int rows, Tensor x, Tensor out) {
    products.multiply(rows, x, this, out);
  }

  @Override
  public void close() {
    memory.close();
  }
}
