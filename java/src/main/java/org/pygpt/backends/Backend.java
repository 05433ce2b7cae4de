package org.pygpt.backends;

import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.cpu.CpuKernels;
import org.pygpt.kernels.nd4j.Nd4jKernels;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.text.Choice;

/** The implementations of {@link Kernels} that a user can choose. */
public enum Backend {
  /** Our own kernels on ND4J's memory, and a native gemm: the fast one. */
  CPU,
  /** Every matrix operation is one ND4J call: the readable one. */
  ND4J,
  /** Scalar loops: the reference. */
  PLAIN;

  /** System property that names the backend of models for which none is given. */
  public static final String PROPERTY = "pygpt.backend";

  /**
   * The backend called {@code name}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static Backend of(String name) {
    return Choice.of("backend", Backend.class, name);
  }

  /** The backend that the system property {@link #PROPERTY} names, {@code cpu} without one. */
  public static Backend chosen() {
    return of(System.getProperty(PROPERTY, CPU.toString()));
  }

  /**
   * New kernels, to be used by one thread at a time.
   *
   * @param threads that share the work on backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if this backend has no kernels for {@code dtype}
   */
  public Kernels kernels(DType dtype, int threads) {
    boolean fits = dtype == DType.FLOAT32 || (dtype == DType.FLOAT64 && this == PLAIN);
    if (!fits) {
      throw new IllegalArgumentException(
          "dtype: expected float32 on backend " + this + " (float64 needs plain), got " + dtype);
    }
    return switch (this) {
      case CPU -> {
        int processors = Runtime.getRuntime().availableProcessors();
        yield new CpuKernels(threads == 0 ? processors : threads);
      }
      case ND4J -> new Nd4jKernels();
      case PLAIN -> new PlainKernels();
    };
  }

  @Override
  public String toString() {
    return Choice.name(this);
  }
}
