package org.pygpt.kernels.cpu;

import org.pygpt.backends.Backend;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;

/**
 * The ways to run a kernel that benchmarks compare. JMH runs each in a process of its own, which it
 * needs: whether backend cpu uses its plain loops or its vector bodies is decided for a process.
 *
 * <p>Backend cpu turns to its vector bodies by itself, at some time that depends on the work done
 * before; see {@link Simd}. A benchmark must not straddle that change, so {@link #open} either
 * waits until it is over or puts it off for ever.
 */
public enum Contender {
  /** Backend cpu on one thread, with its vector bodies. */
  VECTORS,
  /** The same on two threads. */
  VECTORS_2,
  /** Backend cpu on one thread, with its plain loops: what the first second of a process runs. */
  LOOPS,
  /**
   * Backend nd4j, on as many threads as ND4J takes. They wait for each other by spinning, so on a
   * machine that has other work as well, set {@code OMP_NUM_THREADS=1} in the environment.
   */
  ND4J;

  /**
   * The kernels of this contender.
   *
   * @throws IllegalStateException if the vector bodies serve already and loops were asked for
   */
  public Kernels open() throws InterruptedException {
    switch (this) {
      case VECTORS, VECTORS_2 -> awaitVectors();
      case LOOPS -> forbidVectors();
      case ND4J -> {}
    }
    Backend backend = this == ND4J ? Backend.ND4J : Backend.CPU;
    return backend.kernels(DType.FLOAT32, this == VECTORS_2 ? 2 : 1);
  }

  /** Starts the warm-up of the vector bodies and returns when they serve, a second or two later. */
  public static void awaitVectors() throws InterruptedException {
    Simd.count(Long.MAX_VALUE / 2); // more work than the warm-up asks for
    while (!Simd.ready()) {
      Thread.sleep(10);
    }
  }

  private static void forbidVectors() {
    Simd.count(Long.MIN_VALUE / 2); // a debt of work that no run pays off
    if (Simd.ready()) {
      throw new IllegalStateException(
          "contender LOOPS: expected a process of its own, got one with vector bodies: use -f 1");
    }
  }
}
