package org.pygpt.kernels.cpu;

import java.util.Locale;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;

/**
 * The ways to run a kernel that benchmarks compare. JMH runs each in a process of its own, which it
 * needs: whether backend cpu uses its plain loops or its vector bodies is decided for a process.
 *
 * <p>Backend cpu turns to its vector bodies by itself, at some time that depends on the work done
 * before. A benchmark must not straddle that change, so {@link #open} forces the choice by the
 * system property; see {@link WarmUp}.
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
   * @throws IllegalStateException if this process has chosen otherwise before
   */
  public Kernels open() {
    switch (this) {
      case VECTORS, VECTORS_2 -> force(WarmUp.Policy.VECTOR);
      case LOOPS -> force(WarmUp.Policy.PLAIN);
      case ND4J -> {}
    }
    Backend backend = this == ND4J ? Backend.ND4J : Backend.CPU;
    return backend.kernels(DType.FLOAT32, this == VECTORS_2 ? 2 : 1);
  }

  /** Compiles the vector bodies, which takes a second or two, and has this process use them. */
  public static void forceVectors() {
    force(WarmUp.Policy.VECTOR);
  }

  private static void force(WarmUp.Policy policy) {
    System.setProperty(WarmUp.PROPERTY, policy.name().toLowerCase(Locale.ROOT));
    WarmUp.Policy chosen = WarmUp.ofProcess().policy();
    if (chosen != policy) {
      throw new IllegalStateException(
          "vectors: expected a process of its own for "
              + policy
              + ", got "
              + chosen
              + ": use -f 1");
    }
  }
}
