package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.TileMath.WIDTH;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the arguments of one call): a few rows times a {@link TiledMatrix}, divided among the
 * team by tiles: most of them beforehand, so that each worker reads one stretch of memory, and the
 * last ones as each gets free, since memory does not serve all workers equally fast. A tile that
 * was read for the first row is in the core's cache for the others.
 */
final class TileTask implements Team.Task {
  /** From this many multiply-adds on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 64 * 64 * 64;

  /** One tile of so many is not divided beforehand. */
  private static final int FREE = 4;

  private static final int INPUTS = 0;
  private static final int SUMS = 1;
  private static final int ROW = 2;

  private final Team team;
  private final Staging[] stagings;
  private final AtomicInteger free = new AtomicInteger(); // the next tile for whoever is free
  private int rows;
  private Tensor x;
  private TiledMatrix matrix;
  private Tensor out;

  TileTask(Team team, Staging[] stagings) {
    this.team = team;
    this.stagings = stagings;
  }

  void multiply(int rows, Tensor x, TiledMatrix matrix, Tensor out) {
    this.rows = rows;
    this.x = x;
    this.matrix = matrix;
    this.out = out;
    long work = (long) rows * matrix.inputs() * matrix.outputs();
    Simd.count(work);
    boolean parallel = work >= PARALLEL_FROM;
    int last = matrix.tiles() / FREE;
    boolean share = parallel && last >= team.size(); // else some would do two tiles, others none
    int divided = matrix.tiles() - (share ? last : 0);
    free.set(divided);
    if (parallel) {
      team.run(this, divided, 1);
    } else {
      run(0, 0, divided);
    }
  }

  /** All rows of one worker's tiles, and of those that it is free for. */
  @Override
  public void run(int worker, int from, int to) {
    Staging staging = stagings[worker];
    float[] inputs = staging.read(INPUTS, x, 0, rows); // (rows, k)
    for (int tile = from; tile < to; tile++) {
      multiply(tile, inputs, staging);
    }
    for (int tile = free.getAndIncrement(); tile < matrix.tiles(); tile = free.getAndIncrement()) {
      multiply(tile, inputs, staging);
    }
  }

  private void multiply(int tile, float[] inputs, Staging staging) {
    boolean vectors = Simd.ready();
    boolean int8 = matrix.format() == WeightFormat.INT8;
    int k = matrix.inputs();
    float[] sums = staging.array(SUMS, WIDTH);
    float[] row = staging.array(ROW, WIDTH);
    MemorySegment words = matrix.segment();
    int column = tile * WIDTH;
    int columns = Math.min(WIDTH, matrix.outputs() - column);
    for (int i = 0; i < rows; i++) {
      if (int8) {
        TileMath.int8(vectors, words, matrix.firstWord(tile), inputs, i * k, k, sums, row);
        scale(sums, matrix.scales(), column);
      } else {
        TileMath.bfloat16(vectors, words, matrix.firstWord(tile), inputs, i * k, k, sums, row);
      }
      Staging.write(sums, out, column, columns, i, 1);
    }
  }

  private static void scale(float[] sums, float[] scales, int column) {
    for (int o = 0; o < WIDTH; o++) {
      sums[o] *= scales[column + o];
    }
  }
}
