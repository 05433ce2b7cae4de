package org.pygpt.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: makes the tensors of a test, filled with random numbers: the same ones, in the same
 * order, each time. They have more rows than are in use and, where {@code padding} is not 0, lie as
 * columns in wider rows.
 */
final class Tensors implements AutoCloseable {
  private static final int UNUSED_ROWS = 3;
  private static final long SEED = 20170612;
  private static final Random DRAWN = new Random(SEED);
  private static double[] normals = new double[1 << 16]; // standard ones, drawn once for all tests
  private static int drawn;

  private final Device device;
  private DType dtype;
  private final int padding;
  private final Random integers = new Random(SEED);
  private final List<Made> all = new ArrayList<>();
  private final List<Double> results = new ArrayList<>();
  private int taken; // of the standard normal numbers

  /** A tensor and how many rows of it the op may change. */
  private record Made(Tensor tensor, int changed) {}

  Tensors(DType dtype, int padding) {
    this(HostDevice.host(), dtype, padding);
  }

  Tensors(Device device, DType dtype, int padding) {
    this.device = device;
    this.dtype = dtype;
    this.padding = padding;
  }

  /** Makes what comes next of this dtype. */
  Tensors of(DType dtype) {
    this.dtype = dtype;
    return this;
  }

  /** Standard normal numbers that no op may change. */
  Tensor input(int rows, int columns) {
    return input(rows, columns, 0, 1);
  }

  /** Normal numbers that no op may change. */
  Tensor input(int rows, int columns, double mean, double deviation) {
    return make(dtype, rows, columns, padding, 0, normal -> mean + deviation * normal);
  }

  /** Standard normal numbers for an op to overwrite or to add to. */
  Tensor output(int rows, int columns) {
    return make(dtype, rows, columns, padding, rows, normal -> normal);
  }

  /** Standard normal numbers for an op to overwrite, of which no row is unused. */
  Tensor whole(int rows, int columns) {
    return output(rows, columns).rows(0, rows);
  }

  /** Positive numbers for an op to overwrite, and some more that it may not, without padding. */
  Flat flat(int length) {
    Tensor made = make(dtype, 1, length, 0, 1, Math::abs);
    return Flat.of(made.memory(), dtype);
  }

  /** Whole numbers in [from, to), one a row. */
  Tensor integers(int rows, int from, int to) {
    double[] numbers = new double[rows + UNUSED_ROWS];
    Arrays.setAll(numbers, _ -> integers.nextInt(from, to));
    return make(DType.INT32, rows, 1, 0, 0, numbers);
  }

  private Tensor make(
      DType type, int rows, int columns, int padding, int changed, DoubleUnaryOperator ofNormal) {
    double[] numbers = new double[(rows + UNUSED_ROWS) * (columns + padding)];
    double[] normals = normals(taken + numbers.length);
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = ofNormal.applyAsDouble(normals[taken++]);
    }
    return make(type, rows, columns, padding, changed, numbers);
  }

  /** At least so many standard normal numbers, the same ones every time. */
  private static synchronized double[] normals(int count) {
    if (count > normals.length) {
      normals = Arrays.copyOf(normals, Math.max(count, 2 * normals.length));
    }
    while (drawn < count) {
      normals[drawn++] = DRAWN.nextGaussian();
    }
    return normals;
  }

  private Tensor make(
      DType type, int rows, int columns, int padding, int changed, double[] numbers) {
    int width = columns + padding;
    Memory memory = device.allocate(type, numbers.length);
    Tensor.of(memory, type, 0, 1, numbers.length).writeRow(0, numbers);
    Tensor tensor =
        Tensor.of(memory, type, 0, rows + UNUSED_ROWS, width)
            .columns((width - columns) / 2, columns);
    all.add(new Made(tensor, changed));
    return tensor;
  }

  /** Notes a number that the op returned. */
  void result(double value) {
    results.add(value);
  }

  /**
   * Compares every element of every tensor with what another backend left.
   *
   * @param tolerance in what the op may change, relative to its largest magnitude; all the rest
   *     must be the same
   * @param terms the magnitude of what was summed: where the sum is less, since large terms cancel,
   *     the tolerance is relative to this
   */
  void assertClose(Tensors expected, double tolerance, double terms, String what) {
    assertEquals(expected.results.size(), results.size(), what);
    for (int i = 0; i < results.size(); i++) {
      double number = expected.results.get(i);
      double allowed = tolerance * Math.max(terms, Math.abs(number));
      assertEquals(number, results.get(i), allowed, what + ": result");
    }
    assertEquals(expected.all.size(), all.size(), what);
    for (int i = 0; i < all.size(); i++) {
      assertClose(expected.all.get(i), all.get(i), tolerance, terms, what + ": tensor " + i);
    }
  }

  private static void assertClose(
      Made expected, Made got, double tolerance, double terms, String what) {
    Tensor reference = expected.tensor;
    double[] wanted = all(reference);
    double[] values = all(got.tensor);
    double largest = terms;
    for (int row = 0; row < expected.changed; row++) {
      for (int c = 0; c < reference.columns(); c++) {
        largest = Math.max(largest, Math.abs(wanted[Math.toIntExact(reference.at(row)) + c]));
      }
    }
    for (int i = 0; i < wanted.length; i++) {
      int row = i / reference.rowStride();
      long column = i % reference.rowStride() - reference.offset();
      boolean changed = row < expected.changed && column >= 0 && column < reference.columns();
      double error = Math.abs(values[i] - wanted[i]);
      if (!(error <= (changed ? tolerance * largest : 0))) {
        throw new AssertionError(
            String.format(
                "%s (%d, %d)%s: expected %.9g, got %.9g, off by %.2g of the largest, %.3g",
                what,
                row,
                column,
                changed ? "" : ", which must stay",
                wanted[i],
                values[i],
                error / largest,
                largest));
      }
    }
  }

  /** Every element of a tensor's memory, also those between its rows. */
  private static double[] all(Tensor tensor) {
    int bytes = tensor.dtype().bytes();
    double[] values = new double[Math.toIntExact(tensor.memory().byteSize() / bytes)];
    Tensor.of(tensor.memory(), tensor.dtype(), 0, 1, values.length).readRow(0, values);
    return values;
  }

  @Override
  public void close() {
    all.forEach(made -> made.tensor.memory().close());
  }
}
