package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.NegativeSampling.Batch;
import org.pygpt.kernels.reference.PlainNegativeSampling;

class NegativeSamplingTest {
  private static final int ROWS = 7;

  /** A row may be a target or an input twice; steps before and after it are none. */
  private static final Batch BATCH =
      new Batch(
          new int[] {99, 5, 1, 5, 0, 3, 6, 2, 2, 4, 99},
          new int[] {0, 1, 4, 5, 7, 9, 10, 11},
          new int[] {99, 0, 6, 13, 4, 6, 1, 2, 7, 9, 12, 2, 11, 1, 3, 5, 8, 10, 0, 7, 99},
          new int[] {0, 1, 6, 7, 13, 18, 20, 21},
          1,
          6);

  /** {@code rows} vectors of {@code size} numbers. */
  private static float[] numbers(int rows, int size, long seed) {
    Random random = new Random(seed);
    float[] numbers = new float[rows * size];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) random.nextGaussian() / 2;
    }
    return numbers;
  }

  /** Makes kernels for parts of the columns. */
  private interface Kernels {
    NegativeSampling part(int index, int parts);
  }

  private static Kernels cpu(int size, boolean vectors) {
    return (index, parts) -> new CpuNegativeSampling(size, ROWS, vectors, index, parts);
  }

  private static Kernels plain(int size) {
    return (index, parts) -> new PlainNegativeSampling(size, ROWS, index, parts);
  }

  /** What a batch makes of all vectors, those of inputs first. */
  private static float[] moved(Kernels kernels, int parts, int size) {
    float[] all = numbers(2 * ROWS, size, 1);
    NegativeSampling[] workers = new NegativeSampling[parts];
    Arrays.setAll(workers, part -> kernels.part(part, parts));
    float[][] dots = new float[parts][BATCH.length()];
    for (int part = 0; part < parts; part++) {
      copy(all, size, workers[part], true);
      workers[part].look(BATCH, dots[part]);
    }
    for (NegativeSampling kernel : workers) {
      kernel.move(BATCH, dots, 0.1f);
      copy(all, size, kernel, false);
    }
    return all;
  }

  private static void copy(float[] all, int size, NegativeSampling kernel, boolean into) {
    int n = kernel.end() - kernel.begin();
    for (int i = 0; i < 2 * ROWS; i++) {
      float[] rows = i < ROWS ? kernel.inputs() : kernel.outputs();
      int at = kernel.row(i % ROWS);
      int from = i * size + kernel.begin();
      System.arraycopy(into ? all : rows, into ? from : at, into ? rows : all, into ? at : from, n);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 17, 100, 207})
  void theFastKernelIsTheReferenceAndItsLoopsHaveTheBitsOfItsVectors(int size) {
    float[] expected = moved(plain(size), 1, size);
    for (int parts = 1; parts <= 3; parts++) {
      assertArrayEquals(expected, moved(plain(size), parts, size), 5e-7f);
      float[] loops = moved(cpu(size, false), parts, size);
      assertArrayEquals(expected, loops, 2e-6f); // sums of 207 products in float32
      assertArrayEquals(loops, moved(cpu(size, true), parts, size));
    }
  }

  @Test
  void theReferenceGoesDownTheSlopeOfTheLoss() {
    int size = 5;
    float[] x = numbers(1, size, 1);
    float[] y = numbers(1, size, 2);
    NegativeSampling kernel = new PlainNegativeSampling(size, 1, 0, 1);
    System.arraycopy(x, 0, kernel.inputs(), 0, size);
    System.arraycopy(y, 0, kernel.outputs(), 0, size);
    Batch batch = new Batch(new int[] {0}, new int[] {0, 1}, new int[] {1}, new int[] {0, 1}, 0, 1);
    float[][] dots = new float[1][1];
    kernel.look(batch, dots[0]);
    kernel.move(batch, dots, 1);
    for (int i = 0; i < size; i++) {
      assertEquals(-slope(x, i, y), kernel.inputs()[i] - x[i], 1e-4);
      assertEquals(-slope(y, i, x), kernel.outputs()[i] - y[i], 1e-4);
    }
  }

  /** Of the loss, by number {@code i} of one of the two vectors. */
  private static double slope(float[] moved, int i, float[] other) {
    float[] up = moved.clone();
    float[] down = moved.clone();
    up[i] += 1e-2f;
    down[i] -= 1e-2f;
    return (loss(up, other) - loss(down, other)) / 2e-2;
  }

  /** Of a word that was there. */
  private static double loss(float[] x, float[] y) {
    double dot = 0;
    for (int i = 0; i < x.length; i++) {
      dot += (double) x[i] * y[i];
    }
    return Math.log1p(Math.exp(-dot));
  }

  @Test
  void columnsAreAllOfAVector() {
    for (int size : new int[] {1, 16, 100, 300}) {
      for (Kernels kernels : new Kernels[] {cpu(size, false), plain(size)}) {
        assertEquals(0, kernels.part(0, 3).begin());
        assertEquals(kernels.part(0, 3).end(), kernels.part(1, 3).begin());
        assertEquals(kernels.part(1, 3).end(), kernels.part(2, 3).begin());
        assertEquals(size, kernels.part(2, 3).end());
      }
    }
  }
}
