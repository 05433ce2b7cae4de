package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.Activation;

/**
 * The vector body of every loop gives the bits of the plain loop, which the tests of the kernels
 * compare with the reference. A process changes from one to the other while it runs, at a time that
 * depends on the machine's load, and the same seed must give the same model nevertheless.
 */
class VectorBodiesTest {
  private static final int OFFSET = 3; // rows begin anywhere

  private final Random random = new Random(17);
  private final float[] lanes = new float[2 * VectorMath.LANES];

  private float[] random(int length) {
    float[] numbers = new float[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }

  static int[] lengths() {
    return new int[] {1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 207, 1021};
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 17, 3",
    "17, 1, 5",
    "3, 15, 7",
    "8, 16, 16",
    "9, 33, 16",
    "16, 48, 1",
    "31, 67, 37"
  })
  void products(int m, int n, int k) {
    float[] b = random(k * (n + OFFSET));
    for (boolean transposed : new boolean[] {false, true}) {
      int aRow = transposed ? 1 : k;
      int aColumn = transposed ? m : 1;
      float[] a = random(m * k);
      for (boolean add : new boolean[] {false, true}) {
        float[] expected = random(m * (n + OFFSET));
        float[] got = expected.clone();
        SmallGemm.plain(a, aRow, aColumn, b, n + OFFSET, expected, n + OFFSET, m, n, k, add);
        SmallGemm.vector(a, aRow, aColumn, b, n + OFFSET, got, n + OFFSET, m, n, k, add);
        assertArrayEquals(expected, got);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 17, 207})
  void tiles(int k) {
    int tile = 3; // not the first one
    float[] x = random(OFFSET + k);
    float[] row = new float[TiledKernel.WIDTH];
    try (Arena arena = Arena.ofShared()) {
      long inputs = (tile + 1L) * k;
      MemorySegment words = arena.allocate(ValueLayout.JAVA_INT, 2 * inputs * VectorMath.LANES);
      for (long i = 0; i < 2 * inputs * VectorMath.LANES; i++) {
        int finite = random.nextInt() & 0xbfffbfff; // as two bfloat16: exponents of at most 127
        words.setAtIndex(ValueLayout.JAVA_INT, i, finite);
      }
      float[] expected = random(TiledKernel.WIDTH);
      float[] got = random(TiledKernel.WIDTH);
      long at = (long) tile * k * VectorMath.LANES;
      TiledKernel.int8(false, words, at, x, OFFSET, k, expected, row);
      TiledKernel.int8(true, words, at, x, OFFSET, k, got, row);
      assertArrayEquals(expected, got);
      TiledKernel.bfloat16(false, words, 2 * at, x, OFFSET, k, expected, row);
      TiledKernel.bfloat16(true, words, 2 * at, x, OFFSET, k, got, row);
      assertArrayEquals(expected, got);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8, 33, 207})
  void int4Tiles(int k) {
    int stride = Int4Tile.prepared(k) + OFFSET;
    float[] x = random(OFFSET + Int4Tile.ROWS * stride);
    float[] prepared = random(OFFSET + stride);
    float[] preparedGot = prepared.clone();
    Int4Tile.prepare(false, x, OFFSET, k, prepared, OFFSET);
    Int4Tile.prepare(true, x, OFFSET, k, preparedGot, OFFSET);
    assertArrayEquals(prepared, preparedGot);
    int size = Int4Tile.ROWS * TiledKernel.WIDTH;
    int length = 2 * Int4Tile.words(k);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment words = arena.allocate(ValueLayout.JAVA_INT, length);
      for (int i = 0; i < length; i++) { // as a float32 a scale is finite
        words.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt() & 0xbfffffff);
      }
      int second = Int4Tile.words(k);
      for (int rows = 1; rows <= Int4Tile.ROWS; rows++) {
        float[] expected = random(size);
        float[] got = expected.clone();
        float[] group = new float[size];
        Int4Tile.sums(false, words, second, x, OFFSET, stride, rows, k, expected, group);
        Int4Tile.sums(true, words, second, x, OFFSET, stride, rows, k, got, group);
        assertArrayEquals(expected, got);
      }
    }
  }

  /** Terms of numbers of all sizes, and what is made of the sums of their products. */
  @ParameterizedTest
  @MethodSource("lengths")
  void terms(int n) {
    int plane = n + OFFSET;
    float[] x = random(n);
    for (int i = 0; i < n; i++) {
      x[i] *= Math.scalb(1f, random.nextInt(-30, 10));
    }
    float unit = Terms.unit(false, x, n);
    assertEquals(unit, Terms.unit(true, x, n));
    byte[] digits = new byte[Terms.COUNT * plane];
    byte[] digitsGot = digits.clone();
    Terms.digits(false, x, n, unit, 3, new int[n], digits, plane);
    Terms.digits(true, x, n, unit, 3, new int[n], digitsGot, plane);
    assertArrayEquals(digits, digitsGot);
    Terms.digits(true, x, n, unit, 0, new int[n], digits, plane);
    for (int i = 0; i < n; i++) {
      int whole = (digits[i] * 256 + digits[plane + i]) * 256 + digits[2 * plane + i];
      assertEquals(x[i] / unit, whole, 0.5f);
    }
    short[] terms = new short[Terms.COUNT * plane];
    short[] termsGot = terms.clone();
    Terms.split(false, x, n, terms, plane);
    Terms.split(true, x, n, termsGot, plane);
    assertArrayEquals(terms, termsGot);
    joins(n, plane, unit);
  }

  /** Whole multiples of a row's scale, also of a row of zeros and of one that has no inverse. */
  @ParameterizedTest
  @MethodSource("lengths")
  void bytes(int n) {
    for (float size : new float[] {1, 0, 1e-40f}) {
      float[] x = random(n);
      for (int i = 0; i < n; i++) {
        x[i] *= size;
      }
      float scale = Terms.byteScale(false, x, n);
      assertEquals(scale, Terms.byteScale(true, x, n));
      byte[] expected = new byte[n];
      byte[] got = new byte[n];
      Terms.bytes(false, x, n, scale, 128, new int[n], expected);
      Terms.bytes(true, x, n, scale, 128, new int[n], got);
      assertArrayEquals(expected, got);
      for (int i = 0; i < n; i++) {
        assertEquals(size == 1 ? x[i] / scale : 0, (expected[i] & 0xff) - 128, 0.5001f);
      }
    }
  }

  private void joins(int n, int plane, float unit) {
    float[] scales = random(OFFSET + n);
    float[] expected = new float[n];
    float[] got = new float[n];
    try (Arena arena = Arena.ofShared()) {
      MemorySegment sums = arena.allocate(ValueLayout.JAVA_INT, Terms.COUNT * plane + 1L);
      for (int i = 0; i < Terms.COUNT * plane; i++) {
        sums.setAtIndex(ValueLayout.JAVA_INT, 1 + i, random.nextInt() & 0xbfffffff);
      }
      int[] whole = new int[Terms.COUNT * n];
      Terms.join(false, sums, 4, 4L * plane, n, unit, scales, OFFSET, whole, expected);
      Terms.join(true, sums, 4, 4L * plane, n, unit, scales, OFFSET, whole, got);
      assertArrayEquals(expected, got);
      float[] parts = new float[Terms.COUNT * n];
      Terms.join(false, sums, 4, 4L * plane, n, parts, expected);
      Terms.join(true, sums, 4, 4L * plane, n, parts, got);
      assertArrayEquals(expected, got);
    }
  }

  /** A row that holds a number that is none has no unit, wherever that number is. */
  @ParameterizedTest
  @MethodSource("lengths")
  void unitsOfNoNumbers(int n) {
    for (float none : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] x = random(n);
      x[n / 2] = none;
      assertEquals(Float.NaN, Terms.unit(false, x, n));
      assertEquals(Float.NaN, Terms.unit(true, x, n));
    }
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void sums(int n) {
    float[] x = random(OFFSET + n);
    assertEquals(
        VectorMath.sum(false, x, OFFSET, n, lanes), VectorMath.sum(true, x, OFFSET, n, lanes));
    float squares = VectorMath.sumOfSquares(false, x, OFFSET, n, 0.1f, lanes);
    assertEquals(squares, VectorMath.sumOfSquares(true, x, OFFSET, n, 0.1f, lanes));
    assertEquals(VectorMath.max(false, x, n), VectorMath.max(true, x, n));
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void norms(int n) {
    float[] weight = random(n);
    float[] bias = random(n);
    float[] expected = random(OFFSET + n);
    float[] got = expected.clone();
    NormKernel.normalize(false, expected, OFFSET, n, 0.1f, 1.5f, weight, bias);
    NormKernel.normalize(true, got, OFFSET, n, 0.1f, 1.5f, weight, bias);
    assertArrayEquals(expected, got);
    for (boolean centred : new boolean[] {false, true}) {
      float[] x = random(OFFSET + n);
      float[] dX = random(OFFSET + n);
      float[] dXGot = dX.clone();
      float[] sums = random(n);
      float[] sumsGot = sums.clone();
      float[] biasGot = bias.clone();
      NormKernel.backward(false, centred, dX, x, OFFSET, n, 0.1f, 1.5f, weight, sums, bias, lanes);
      NormKernel.backward(
          true, centred, dXGot, x, OFFSET, n, 0.1f, 1.5f, weight, sumsGot, biasGot, lanes);
      assertArrayEquals(dX, dXGot);
      assertArrayEquals(sums, sumsGot);
      assertArrayEquals(bias, biasGot);
    }
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void elements(int n) {
    float[] x = random(OFFSET + n);
    float[] expected = random(2 * OFFSET + n);
    float[] got = expected.clone();
    VectorMath.add(false, x, OFFSET, expected, 2 * OFFSET, n);
    VectorMath.add(true, x, OFFSET, got, 2 * OFFSET, n);
    assertArrayEquals(expected, got);
    VectorMath.scale(false, expected, n, 0.3f);
    VectorMath.scale(true, got, n, 0.3f);
    assertArrayEquals(expected, got);
    double sum = VectorMath.expAndSum(false, expected, n, 0.7f, lanes);
    assertEquals(sum, VectorMath.expAndSum(true, got, n, 0.7f, lanes));
    assertArrayEquals(expected, got);
  }

  static Stream<Arguments> activations() {
    return Stream.of(Activation.values())
        .filter(kind -> kind == Activation.SWIGLU || !kind.isGated())
        .flatMap(
            kind -> Stream.of(1, 15, 16, 17, 64, 207).map(length -> Arguments.of(kind, length)));
  }

  @ParameterizedTest
  @MethodSource("activations")
  void activations(Activation kind, int n) {
    float[] scratch = new float[n];
    float[] dOut = random(OFFSET + n);
    if (kind == Activation.SWIGLU) {
      float[] expected = random(OFFSET + 2 * n); // gates and values
      float[] got = expected.clone();
      float[] out = new float[OFFSET + n];
      float[] outGot = new float[OFFSET + n];
      ActivationKernel.gated(false, expected, OFFSET, out, 1, scratch, n);
      ActivationKernel.gated(true, got, OFFSET, outGot, 1, scratch, n);
      assertArrayEquals(out, outGot);
      ActivationKernel.gatedBackward(false, expected, OFFSET, dOut, 1, scratch, n);
      ActivationKernel.gatedBackward(true, got, OFFSET, dOut, 1, scratch, n);
      assertArrayEquals(expected, got);
    } else {
      float[] x = random(n);
      float[] dOutGot = dOut.clone();
      ActivationKernel.backward(false, kind, x, dOut, scratch, n);
      ActivationKernel.backward(true, kind, x, dOutGot, scratch, n);
      assertArrayEquals(dOut, dOutGot);
      float[] got = x.clone();
      ActivationKernel.forward(false, kind, x, scratch, n);
      ActivationKernel.forward(true, kind, got, scratch, n);
      assertArrayEquals(x, got);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 15, 16, 17, 47, 48})
  void softmax(int queries) {
    int width = 48; // whole vectors of any machine
    int keys = 67;
    float[] expected = random(keys * width);
    Softmax.mask(expected, width, keys, keys - queries + 1);
    float[] scores = expected.clone();
    float[] got = expected.clone();
    float[] sums = new float[width];
    float[] sumsGot = new float[width];
    Softmax.forward(false, expected, width, keys, queries, 0.3f, sums);
    Softmax.forward(true, got, width, keys, queries, 0.3f, sumsGot);
    assertColumnsEqual(expected, got, queries, width);
    assertColumnsEqual(sums, sumsGot, queries, width);
    float[] gradients = random(keys * width);
    float[] gradientsGot = gradients.clone();
    float[] scoresGot = scores.clone();
    Softmax.backward(false, scores, gradients, width, keys, queries, 0.3f, sums);
    Softmax.backward(true, scoresGot, gradientsGot, width, keys, queries, 0.3f, sums);
    assertColumnsEqual(scores, scoresGot, queries, width);
    assertColumnsEqual(gradients, gradientsGot, queries, width);
  }

  /** Compares the first columns of each row; the others are computed along and ignored. */
  private static void assertColumnsEqual(float[] expected, float[] got, int columns, int width) {
    for (int i = 0; i < expected.length; i++) {
      if (i % width < columns) {
        assertEquals(expected[i], got[i], "row " + i / width + ", column " + i % width);
      }
    }
  }
}
