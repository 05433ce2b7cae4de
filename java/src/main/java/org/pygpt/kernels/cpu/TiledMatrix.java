package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.TiledKernel.WIDTH;
import static org.pygpt.kernels.cpu.VectorMath.LANES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * A quantized matrix in tiles of {@link TiledKernel#WIDTH} outputs, the last one filled up with
 * zeros. A tile is all inputs, one after another; of each input, lane l of the words holds output
 * l, then output LANES + l, and so on, from the lowest bits up. Tiles of int4 are {@link
 * Int4Tile}'s.
 *
 * @param words int32
 * @param scales what sums are multiplied by, for each output, and zeros to the end of the last
 *     tile; not for int4, whose scales lie among the words
 */
record TiledMatrix(
    Workers workers, WeightFormat format, int inputs, int outputs, HostMemory words, float[] scales)
    implements PackedMatrix {
  /** With more, products of the float32 matrices are faster: theirs are of several rows at once. */
  private static final int MOST_INT4_ROWS = 16;

  /** A copy of the matrix; {@code workers} will multiply by it. */
  static TiledMatrix of(Workers workers, QuantizedMatrix matrix) {
    WeightFormat format = matrix.format();
    int inputs = matrix.inputs();
    int outputs = matrix.outputs();
    HostMemory words = HostDevice.host().allocate(byteSize(format, inputs, outputs));
    float[] scales = new float[tiles(outputs) * WIDTH];
    TiledMatrix tiled = new TiledMatrix(workers, format, inputs, outputs, words, scales);
    if (format == WeightFormat.INT4) {
      tiled.fillInt4(matrix);
    } else {
      tiled.fill(matrix);
    }
    return tiled;
  }

  private void fillInt4(QuantizedMatrix matrix) {
    MemorySegment segment = words.segment(); // zeroed
    for (int output = 0; output < outputs; output++) {
      long tile = firstWord(output / WIDTH);
      for (int p = 0; p < inputs; p++) {
        if (p % WeightFormat.GROUP == 0) {
          long word = tile + Int4Tile.scalesOf(p) + output % WIDTH;
          float scale = matrix.scale(output, p) / Int4Tile.UNIT;
          segment.setAtIndex(ValueLayout.JAVA_FLOAT, word, scale);
        }
        long word = tile + Int4Tile.codesOf(p) + output % WIDTH;
        int code = Int4Tile.word(matrix.code(output, p), p);
        int others = segment.getAtIndex(ValueLayout.JAVA_INT, word);
        segment.setAtIndex(ValueLayout.JAVA_INT, word, others | code);
      }
    }
  }

  private void fill(QuantizedMatrix matrix) {
    float unit = format == WeightFormat.INT8 ? TiledKernel.INT8_UNIT : 1;
    for (int output = 0; output < outputs; output++) {
      scales[output] = matrix.scale(output) / unit;
    }
    MemorySegment segment = words.segment();
    int[] row = new int[wordsOfInput()];
    for (int tile = 0; tile < tiles(); tile++) {
      for (int p = 0; p < inputs; p++) {
        pack(matrix, tile * WIDTH, p, row);
        long bytes = 4 * (firstWord(tile) + (long) p * row.length);
        MemorySegment.copy(row, 0, segment, ValueLayout.JAVA_INT, bytes, row.length);
      }
    }
  }

  private void pack(QuantizedMatrix matrix, int first, int input, int[] row) {
    int bits = format.bits();
    for (int i = 0; i < row.length; i++) {
      int word = 0;
      int output = first + i / LANES * LANES * (Integer.SIZE / bits) + i % LANES;
      for (int shift = 0; shift < Integer.SIZE && output < outputs; shift += bits) {
        word |= (matrix.code(output, input) & (1 << bits) - 1) << shift;
        output += LANES;
      }
      row[i] = word;
    }
  }

  /** Bytes of the copy of a matrix. */
  static long byteSize(WeightFormat format, int inputs, int outputs) {
    return 4L * tiles(outputs) * wordsOfTile(format, inputs);
  }

  private static int tiles(int outputs) {
    return (outputs + WIDTH - 1) / WIDTH;
  }

  int tiles() {
    return tiles(outputs);
  }

  private static long wordsOfTile(WeightFormat format, int inputs) {
    return format == WeightFormat.INT4
        ? Int4Tile.words(inputs)
        : (long) inputs * WIDTH * format.bits() / Integer.SIZE;
  }

  private int wordsOfInput() {
    return WIDTH * format.bits() / Integer.SIZE;
  }

  /** Index of a tile's first word in {@link #segment}. */
  long firstWord(int tile) {
    return tile * wordsOfTile(format, inputs);
  }

  MemorySegment segment() {
    return words.segment();
  }

  @Override
  public int mostRows() {
    return format == WeightFormat.INT4 ? MOST_INT4_ROWS : MOST_ROWS;
  }

  @Override
  public void multiply(int rows, Tensor x, Tensor out) {
    TiledKernel.multiply(workers, rows, x, this, out);
  }

  @Override
  public void close() {
    words.close();
  }
}
