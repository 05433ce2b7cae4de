package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.Tensor;

/**
 * A few rows times a {@link TiledMatrix}: sums[o] = Σ x[from + p] * code(p, o), where o counts a
 * tile's {@link #WIDTH} outputs and p the inputs.
 *
 * <p>Most tiles are divided among the team beforehand, so that each worker reads one stretch of
 * memory; the last ones are taken by whoever is done first, since memory does not serve all workers
 * equally fast.
 *
 * <p>A tile's words lie one input after another, so that they are read as one stream. With outputs
 * side by side no sum crosses lanes, and each is added in the order of the inputs.
 *
 * <p>The vector loops take their step, 1, as an argument. With a constant C2 unrolls them, and then
 * loads words of several inputs in no order, which the processor's prefetching does not follow:
 * memory is read at two thirds of its rate, or at half.
 */
final class TiledKernel {
  /** Outputs of a tile: four vectors, whose additions need not wait for each other. */
  static final int WIDTH = 4 * LANES;

  private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int HIGHEST = 0xff000000; // byte of a word
  private static final int HIGH = 0xffff0000; // half of a word

  /** What sums of int8 tiles are multiplied by, since bytes are read where they are highest. */
  static final float INT8_UNIT = 1 << 24;

  /** One tile in this many is not divided beforehand. */
  private static final int LEFT_OVER = 4;

  private TiledKernel() {}

  /** out = x @ matrix, of the first {@code rows} rows. */
  static void multiply(Workers workers, int rows, Tensor x, TiledMatrix matrix, Tensor out) {
    long work = (long) rows * matrix.inputs() * matrix.outputs();
    workers.count(work);
    int last = matrix.tiles() / LEFT_OVER;
    boolean share = Workers.isParallel(work) && last >= workers.size(); // else some would do two
    int divided = matrix.tiles() - (share ? last : 0);
    AtomicInteger next = new AtomicInteger(divided);
    workers.run(new Tiles(workers, rows, x, matrix, out, next), divided, 1, work);
  }

  /**
   * Some tiles, times all rows: a tile that was read for the first row is in the core's cache for
   * the others.
   *
   * @param next the next tile that is not divided beforehand
   */
  private record Tiles(
      Workers workers, int rows, Tensor x, TiledMatrix matrix, Tensor out, AtomicInteger next)
      implements Team.Task {
    /** All rows of one worker's tiles, and then of those that are left. */
    @Override
    public void run(int worker, int from, int to) {
      boolean vectors = workers.roundedVectors();
      Staging staging = workers.staging(worker);
      float[] inputs = read(vectors, staging); // (rows, stride)
      for (int tile = from; tile < to; tile++) {
        multiply(vectors, tile, inputs, staging);
      }
      for (int tile = next.getAndIncrement();
          tile < matrix.tiles();
          tile = next.getAndIncrement()) {
        multiply(vectors, tile, inputs, staging);
      }
    }

    /** Numbers from a row of the staged x to the next. */
    private int stride() {
      int k = matrix.inputs();
      return matrix.format() == WeightFormat.INT4 ? Int4Tile.prepared(k) : k;
    }

    private float[] read(boolean vectors, Staging staging) {
      int k = matrix.inputs();
      int stride = stride();
      float[] dense = staging.read(0, x, 0, rows);
      if (matrix.format() != WeightFormat.INT4) {
        return dense;
      }
      float[] prepared = staging.array(3, rows * stride);
      for (int i = 0; i < rows; i++) {
        Int4Tile.prepare(vectors, dense, i * k, k, prepared, i * stride);
      }
      return prepared;
    }

    private void multiply(boolean vectors, int tile, float[] inputs, Staging staging) {
      int k = matrix.inputs();
      float[] sums = staging.array(1, Int4Tile.ROWS * WIDTH);
      float[] row = staging.array(2, Int4Tile.ROWS * WIDTH);
      MemorySegment words = matrix.segment();
      long at = matrix.firstWord(tile);
      int column = tile * WIDTH;
      if (vectors && rows == 1 && matrix.format() == WeightFormat.INT4) {
        row[0] = Int4Tile.vectorReadAhead(words, at, Int4Tile.words(k));
      }
      int together = matrix.format() == WeightFormat.INT4 ? Int4Tile.ROWS : 1;
      for (int i = 0; i < rows; i += together) {
        int count = Math.min(together, rows - i);
        int from = i * stride();
        switch (matrix.format()) {
          case INT4 ->
              Int4Tile.sums(vectors, words, at, inputs, from, stride(), count, k, sums, row);
          case INT8 -> {
            int8(vectors, words, at, inputs, from, k, sums, row);
            scale(sums, matrix.scales(), column);
          }
          case BFLOAT16 -> bfloat16(vectors, words, at, inputs, from, k, sums, row);
        }
        write(sums, count, column, i);
      }
    }

    /** Writes (count, WIDTH) sums to rows from {@code first} on. */
    private void write(float[] sums, int count, int column, int first) {
      int columns = Math.min(WIDTH, matrix.outputs() - column);
      for (int row = 0; row < count; row++) {
        if (row > 0) {
          System.arraycopy(sums, row * WIDTH, sums, 0, columns);
        }
        Staging.write(sums, out, column, columns, first + row, 1);
      }
    }

    private static void scale(float[] sums, float[] scales, int column) {
      for (int o = 0; o < WIDTH; o++) {
        sums[o] *= scales[column + o];
      }
    }
  }

  /**
   * Sums of an int8 tile times {@link #INT8_UNIT}: a byte in the highest place is a number of its
   * sign, without a second shift.
   *
   * @param at index of the tile's first word
   * @param k inputs
   * @param row scratch space for one input's numbers
   */
  static void int8(
      boolean vectors,
      MemorySegment words,
      long at,
      float[] x,
      int from,
      int k,
      float[] sums,
      float[] row) {
    if (vectors) {
      vectorInt8(words, at, x, from, k, 1, sums);
      return;
    }
    Arrays.fill(sums, 0, WIDTH, 0);
    for (int p = 0; p < k; p++) {
      long first = at + (long) p * LANES;
      for (int lane = 0; lane < LANES; lane++) {
        int word = words.getAtIndex(ValueLayout.JAVA_INT, first + lane);
        row[lane] = word << 24;
        row[LANES + lane] = word << 16 & HIGHEST;
        row[2 * LANES + lane] = word << 8 & HIGHEST;
        row[3 * LANES + lane] = word & HIGHEST;
      }
      add(x[from + p], row, sums);
    }
  }

  private static void add(float x, float[] row, float[] sums) {
    for (int o = 0; o < WIDTH; o++) {
      sums[o] = Math.fma(row[o], x, sums[o]);
    }
  }

  private static void vectorInt8(
      MemorySegment words, long at, float[] x, int from, int k, int step, float[] sums) {
    FloatVector s0 = VectorMath.broadcast(0);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int p = 0; p < k; p += step) {
      IntVector word =
          IntVector.fromMemorySegment(WORDS, words, 4 * (at + (long) p * LANES), ORDER);
      FloatVector factor = VectorMath.broadcast(x[from + p]);
      s0 = numbers(word.lanewise(VectorOperators.LSHL, 24)).fma(factor, s0);
      s1 = numbers(word.lanewise(VectorOperators.LSHL, 16).and(HIGHEST)).fma(factor, s1);
      s2 = numbers(word.lanewise(VectorOperators.LSHL, 8).and(HIGHEST)).fma(factor, s2);
      s3 = numbers(word.and(HIGHEST)).fma(factor, s3);
    }
    s0.intoArray(sums, 0);
    s1.intoArray(sums, LANES);
    s2.intoArray(sums, 2 * LANES);
    s3.intoArray(sums, 3 * LANES);
  }

  private static FloatVector numbers(IntVector words) {
    return (FloatVector) words.convert(VectorOperators.I2F, 0);
  }

  /** Sums of a bfloat16 tile; see {@link #int8}. */
  static void bfloat16(
      boolean vectors,
      MemorySegment words,
      long at,
      float[] x,
      int from,
      int k,
      float[] sums,
      float[] row) {
    if (vectors) {
      vectorBfloat16(words, at, x, from, k, 1, sums);
      return;
    }
    Arrays.fill(sums, 0, WIDTH, 0);
    for (int p = 0; p < k; p++) {
      long first = at + (long) p * 2 * LANES;
      for (int lane = 0; lane < LANES; lane++) {
        int word = words.getAtIndex(ValueLayout.JAVA_INT, first + lane);
        int next = words.getAtIndex(ValueLayout.JAVA_INT, first + LANES + lane);
        row[lane] = Float.intBitsToFloat(word << 16);
        row[LANES + lane] = Float.intBitsToFloat(word & HIGH);
        row[2 * LANES + lane] = Float.intBitsToFloat(next << 16);
        row[3 * LANES + lane] = Float.intBitsToFloat(next & HIGH);
      }
      add(x[from + p], row, sums);
    }
  }

  private static void vectorBfloat16(
      MemorySegment words, long at, float[] x, int from, int k, int step, float[] sums) {
    FloatVector s0 = VectorMath.broadcast(0);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int p = 0; p < k; p += step) {
      long first = 4 * (at + (long) p * 2 * LANES);
      IntVector word = IntVector.fromMemorySegment(WORDS, words, first, ORDER);
      IntVector next = IntVector.fromMemorySegment(WORDS, words, first + 4 * LANES, ORDER);
      FloatVector factor = VectorMath.broadcast(x[from + p]);
      s0 = word.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(factor, s0);
      s1 = word.and(HIGH).reinterpretAsFloats().fma(factor, s1);
      s2 = next.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(factor, s2);
      s3 = next.and(HIGH).reinterpretAsFloats().fma(factor, s3);
    }
    s0.intoArray(sums, 0);
    s1.intoArray(sums, LANES);
    s2.intoArray(sums, 2 * LANES);
    s3.intoArray(sums, 3 * LANES);
  }
}
