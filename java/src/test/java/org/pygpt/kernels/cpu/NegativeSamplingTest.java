package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.reference.PlainNegativeSampling;

class NegativeSamplingTest {
  private static final int ROWS = 7;
  private static final int[] TARGETS = {9, 0, 6, 13, 4, 6, 99}; // the last is not among them

  /** Rows of {@code size} numbers that begin {@code width} apart. */
  private static float[] rows(int size, int width, long seed) {
    Random random = new Random(seed);
    float[] rows = new float[ROWS * width];
    for (int row = 0; row < ROWS; row++) {
      for (int i = 0; i < size; i++) {
        rows[row * width + i] = (float) random.nextGaussian() / 2;
      }
    }
    return rows;
  }

  /** What a step makes of outputs and gradient, without gaps, one after the other. */
  private static float[] stepped(NegativeSampling kernel, int size, float rate) {
    int width = kernel.width();
    float[] inputs = rows(size, width, 1);
    float[] outputs = rows(size, width, 2);
    float[] gradient = new float[2 * width];
    kernel.step(inputs, 3 * width, outputs, TARGETS, 1, 6, rate, gradient, width);
    kernel.add(gradient, width, inputs, 0, width);
    kernel.mean(inputs, TARGETS, 1, 3, 0, gradient, 0, width);
    kernel.addToAll(gradient, 0, inputs, new int[] {9, 5, 1, 5}, 1, 4, 0, width);
    float[] all = new float[(ROWS + 9) * size];
    for (int row = 0; row < ROWS; row++) {
      System.arraycopy(outputs, row * width, all, row * size, size);
    }
    System.arraycopy(gradient, width, all, ROWS * size, size);
    for (int row = 0; row < ROWS; row++) {
      System.arraycopy(inputs, row * width, all, (ROWS + 1 + row) * size, size);
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 17, 100, 207})
  void theFastKernelIsTheReferenceAndItsLoopsHaveTheBitsOfItsVectors(int size) {
    float[] expected = stepped(new PlainNegativeSampling(size), size, 0.1f);
    float[] loops = stepped(new CpuNegativeSampling(size, false), size, 0.1f);
    assertArrayEquals(expected, loops, 2e-6f); // sums of 207 products in float32
    assertArrayEquals(loops, stepped(new CpuNegativeSampling(size, true), size, 0.1f));
  }

  @Test
  void theReferenceGoesDownTheSlopeOfTheLoss() {
    int size = 5;
    float[] inputs = rows(size, size, 1);
    float[] outputs = rows(size, size, 2);
    float[] gradient = new float[size];
    float[] moved = outputs.clone();
    new PlainNegativeSampling(size).step(inputs, 0, moved, TARGETS, 3, 4, 1, gradient, 0);
    for (int i = 0; i < size; i++) {
      float[] up = inputs.clone();
      float[] down = inputs.clone();
      up[i] += 1e-2f;
      down[i] -= 1e-2f;
      double slope = (loss(up, outputs, size) - loss(down, outputs, size)) / 2e-2;
      assertEquals(-slope, gradient[i], 1e-4);
      up = outputs.clone();
      down = outputs.clone();
      up[6 * size + i] += 1e-2f;
      down[6 * size + i] -= 1e-2f;
      slope = (loss(inputs, up, size) - loss(inputs, down, size)) / 2e-2;
      assertEquals(-slope, moved[6 * size + i] - outputs[6 * size + i], 1e-4);
    }
  }

  /** Of input 0 and target 13: row 6, which was there. */
  private static double loss(float[] inputs, float[] outputs, int size) {
    double dot = 0;
    for (int i = 0; i < size; i++) {
      dot += (double) inputs[i] * outputs[6 * size + i];
    }
    return Math.log1p(Math.exp(-dot));
  }

  @Test
  void columnsAreAllOfARow() {
    for (int size : new int[] {1, 16, 100, 300}) {
      for (NegativeSampling kernel :
          new NegativeSampling[] {
            new CpuNegativeSampling(size, false), new PlainNegativeSampling(size)
          }) {
        assertEquals(0, kernel.column(0, 3));
        assertEquals(kernel.width(), kernel.column(3, 3));
      }
    }
  }
}
