package org.pygpt.kernels;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the stream): arrays for benchmarks, the same ones in every process. Their memory is
 * freed with the process.
 */
final class Inputs {
  private final RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);

  /** Float32 zeros. */
  static Tensor zeros(int rows, int columns) {
    return tensor(DType.FLOAT32, rows, columns);
  }

  /** Numbers of the standard normal distribution, as activations behind a norm have it. */
  Tensor normal(int rows, int columns) {
    return Tensor.of(normal((long) rows * columns).memory(), DType.FLOAT32, 0, rows, columns);
  }

  /** Likewise, without a shape. */
  Flat normal(long length) {
    HostMemory memory = HostDevice.host().allocate(DType.FLOAT32, length);
    for (long i = 0; i < length; i++) {
      memory.set(DType.FLOAT32, i, random.nextGaussian());
    }
    return Flat.of(memory, DType.FLOAT32);
  }

  /** One int32 column of numbers in [0, bound). */
  Tensor ids(int rows, int bound) {
    Tensor ids = tensor(DType.INT32, rows, 1);
    for (int row = 0; row < rows; row++) {
      HostMemory.set(ids, row, 0, random.nextInt(bound));
    }
    return ids;
  }

  private static Tensor tensor(DType dtype, int rows, int columns) {
    long length = (long) rows * columns;
    return Tensor.of(HostDevice.host().allocate(dtype, length), dtype, 0, rows, columns);
  }
}
