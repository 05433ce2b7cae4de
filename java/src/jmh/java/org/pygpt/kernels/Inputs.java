package org.pygpt.kernels;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.DoubleStream;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the stream): arrays for benchmarks, the same ones in every process. Their memory is
 * freed with the process.
 */
final class Inputs {
  private final RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
  private final Device device;

  /** Makes them on this device. */
  Inputs(Device device) {
    this.device = device;
  }

  /** Float32 zeros. */
  Tensor zeros(int rows, int columns) {
    return tensor(DType.FLOAT32, rows, columns);
  }

  /** Numbers of the standard normal distribution, as activations behind a norm have it. */
  Tensor normal(int rows, int columns) {
    Tensor made = zeros(rows, columns);
    for (int row = 0; row < rows; row++) {
      made.writeRow(row, DoubleStream.generate(random::nextGaussian).limit(columns).toArray());
    }
    return made;
  }

  /** Likewise, without a shape. */
  Flat normal(long length) {
    return Flat.of(normal(1, Math.toIntExact(length)).memory(), DType.FLOAT32);
  }

  /** One int32 column of numbers in [0, bound). */
  Tensor ids(int rows, int bound) {
    Tensor ids = tensor(DType.INT32, rows, 1);
    for (int row = 0; row < rows; row++) {
      ids.writeRow(row, new double[] {random.nextInt(bound)});
    }
    return ids;
  }

  private Tensor tensor(DType dtype, int rows, int columns) {
    long length = (long) rows * columns;
    return Tensor.of(device.allocate(dtype, length), dtype, 0, rows, columns);
  }
}
