package org.pygpt.kernels;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the stream): arrays for benchmarks, the same ones in every process. Their memory is
 * freed with the process.
 */
final class Inputs {
  private final RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);

  /** Float32 zeros. */
  static Tensor zeros(int rows, int columns) {
    return Tensor.of(Memory.allocate(DType.FLOAT32, (long) rows * columns), 0, rows, columns);
  }

  /** Numbers of the standard normal distribution, as activations behind a norm have it. */
  Tensor normal(int rows, int columns) {
    return Tensor.of(normal((long) rows * columns), 0, rows, columns);
  }

  /** Likewise, without a shape. */
  Memory normal(long length) {
    Memory memory = Memory.allocate(DType.FLOAT32, length);
    for (long i = 0; i < length; i++) {
      memory.set(i, random.nextGaussian());
    }
    return memory;
  }

  /** One int32 column of numbers in [0, bound). */
  Tensor ids(int rows, int bound) {
    Tensor ids = Tensor.of(Memory.allocate(DType.INT32, rows), 0, rows, 1);
    for (int row = 0; row < rows; row++) {
      ids.set(row, 0, random.nextInt(bound));
    }
    return ids;
  }
}
