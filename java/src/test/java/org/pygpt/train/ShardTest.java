package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.cpu.CpuKernels;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Parts of flat arrays, and sums of them along a tree: the same for every number of workers. */
class ShardTest {
  @ParameterizedTest
  @ValueSource(longs = {1, 2047, 2048, 2049, 40_000, 4_192, 803_712, 124_439_808, 1L << 33})
  void shardsAreWholeBlocksAndMakeUpTheArray(long length) {
    long block = Shard.block(length);
    assertEquals(1, Long.bitCount(block));
    for (int size : new int[] {1, 2, 4, 8, 1024}) {
      long end = 0;
      for (int rank = 0; rank < size; rank++) {
        Shard shard = new Shard(rank, size);
        assertEquals(end, shard.from(length));
        assertTrue(end == length || end % block == 0);
        end = shard.to(length);
      }
      assertEquals(length, end);
    }
  }

  @Test
  void shardsOfTwiceAsManyWorkersAreHalvesOfShards() {
    long length = 124_439_808;
    for (int rank = 0; rank < 4; rank++) {
      assertEquals(new Shard(rank, 4).from(length), new Shard(2 * rank, 8).from(length));
      assertEquals(new Shard(rank, 4).to(length), new Shard(2 * rank + 1, 8).to(length));
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 4", "4, 4", "0, 0"})
  void thereIsNoSuchWorker(int rank, int size) {
    assertThrows(IllegalArgumentException.class, () -> new Shard(rank, size));
  }

  /** The sum of some gradients, as a worker that has all of them adds it. */
  private static float[] sum(Kernels kernels, float[][] gradients, boolean rounded) {
    int length = gradients[0].length;
    float[] found = new float[length];
    try (Memory memory = kernels.device().allocate(DType.FLOAT32, length);
        GradientTree tree = new GradientTree(kernels)) {
      Tensor row = Tensor.of(memory, DType.FLOAT32, 0, 1, length);
      Flat flat = new Flat(memory, DType.FLOAT32, 0, length);
      for (float[] gradient : gradients) {
        row.writeRow(0, doubles(gradient));
        tree.add(flat, gradients.length, rounded);
      }
      double[] values = new double[length];
      row.readRow(0, values);
      for (int i = 0; i < length; i++) {
        found[i] = (float) values[i];
      }
    }
    return found;
  }

  private static double[] doubles(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  /** Random gradients [from, to) of eight. */
  private static float[][] gradients(int from, int to) {
    float[][] all = new float[to - from][4099];
    for (int j = 0; j < all.length; j++) {
      Random random = new Random(from + j);
      for (int i = 0; i < all[j].length; i++) {
        all[j][i] = (float) random.nextGaussian();
      }
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void sumsOfPartsOfTheTreeAreItsNodes(boolean rounded) {
    try (Kernels kernels = new CpuKernels(2)) {
      float[] whole = sum(kernels, gradients(0, 8), rounded);
      for (int workers : new int[] {2, 4, 8}) {
        float[][] parts = new float[workers][];
        for (int rank = 0; rank < workers; rank++) {
          int many = 8 / workers;
          parts[rank] = sum(kernels, gradients(rank * many, (rank + 1) * many), rounded);
        }
        assertArrayEquals(whole, sum(kernels, parts, rounded), workers + " workers");
      }
      assertArrayEquals(whole, sum(new PlainKernels(), gradients(0, 8), rounded));
    }
  }

  @Test
  void theTreeAddsNeighboursFirst() {
    float[][] g = gradients(0, 4);
    float[] expected = new float[g[0].length];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (g[0][i] + g[1][i]) + (g[2][i] + g[3][i]);
    }
    assertArrayEquals(expected, sum(new PlainKernels(), g, false));
  }

  @Test
  void clearingForgetsWhatWasAdded() {
    Kernels kernels = new PlainKernels();
    try (Memory memory = kernels.device().allocate(DType.FLOAT32, 16);
        GradientTree tree = new GradientTree(kernels)) {
      Tensor row = Tensor.of(memory, DType.FLOAT32, 0, 1, 16);
      Flat flat = new Flat(memory, DType.FLOAT32, 0, 16);
      double[] ones = new double[16];
      Arrays.fill(ones, 1);
      row.writeRow(0, ones);
      tree.add(flat, 2, false);
      tree.clear();
      for (int i = 0; i < 2; i++) {
        row.writeRow(0, ones);
        tree.add(flat, 2, false);
      }
      row.readRow(0, ones);
      assertEquals(2, ones[15]);
    }
  }
}
