package org.pygpt.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: makes the tensors of one operation on a device, with the same random numbers each time,
 * and compares what an operation left in them on two devices.
 */
final class Pair implements AutoCloseable {
  private final Device device;
  private final Random random = new Random(1);
  private final List<Tensor> made = new ArrayList<>();
  private final List<Double> results = new ArrayList<>();

  Pair(Device device) {
    this.device = device;
  }

  /**
   * How far an operation on {@code kernels} is from the same on the reference: the largest
   * difference of an element over the largest magnitude of its tensor, or over 1.
   */
  static double difference(Kernels kernels, BiConsumer<Kernels, Pair> operation) {
    try (Kernels plain = new PlainKernels();
        Pair expected = new Pair(plain.device());
        Pair got = new Pair(kernels.device())) {
      operation.accept(plain, expected);
      operation.accept(kernels, got);
      return got.difference(expected);
    }
  }

  /** Standard normal numbers. */
  Tensor normal(DType dtype, int rows, int columns) {
    Tensor tensor = zeros(dtype, rows, columns);
    double[] row = new double[columns];
    for (int i = 0; i < rows; i++) {
      for (int c = 0; c < columns; c++) {
        row[c] = random.nextGaussian();
      }
      tensor.writeRow(i, row);
    }
    return tensor;
  }

  Tensor zeros(DType dtype, int rows, int columns) {
    Tensor tensor =
        Tensor.of(device.allocate(dtype, (long) rows * columns), dtype, 0, rows, columns);
    made.add(tensor);
    return tensor;
  }

  /** Whole numbers from 0 up to {@code bound}, one a row. */
  Tensor ids(int rows, int bound) {
    Tensor ids = zeros(DType.INT32, rows, 1);
    for (int i = 0; i < rows; i++) {
      ids.writeRow(i, new double[] {random.nextInt(bound)});
    }
    return ids;
  }

  Flat flat(int length) {
    return Flat.of(normal(DType.FLOAT32, 1, length).memory(), DType.FLOAT32);
  }

  /** Notes a number that an operation returned. */
  void result(double value) {
    results.add(value);
  }

  private double difference(Pair expected) {
    double most = 0;
    for (int i = 0; i < results.size(); i++) {
      double wanted = expected.results.get(i);
      most = worse(most, Math.abs(results.get(i) - wanted) / Math.max(1, Math.abs(wanted)));
    }
    for (int i = 0; i < made.size(); i++) {
      most = worse(most, difference(expected.made.get(i), made.get(i)));
    }
    return most;
  }

  private static double difference(Tensor expected, Tensor got) {
    double largest = 1;
    double off = 0;
    double[] wanted = new double[expected.columns()];
    double[] values = new double[expected.columns()];
    for (int row = 0; row < expected.rows(); row++) {
      expected.readRow(row, wanted);
      got.readRow(row, values);
      for (int c = 0; c < wanted.length; c++) {
        largest = Math.max(largest, Math.abs(wanted[c]));
        off = worse(off, Math.abs(values[c] - wanted[c]));
      }
    }
    return off / largest;
  }

  /** The larger one, where what is no number is the largest. */
  private static double worse(double a, double b) {
    return Double.isNaN(a) || Double.isNaN(b) ? Double.POSITIVE_INFINITY : Math.max(a, b);
  }

  @Override
  public void close() {
    made.forEach(tensor -> tensor.memory().close());
  }
}
