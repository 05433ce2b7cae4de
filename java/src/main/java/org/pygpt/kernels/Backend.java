package org.pygpt.kernels;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.pygpt.kernels.cpu.CpuKernels;
import org.pygpt.kernels.nd4j.Nd4jKernels;
import org.pygpt.tensor.DType;

/** The implementations of {@link Kernels} that a user can choose. */
public enum Backend {
  /** Our own kernels on ND4J's memory, and a native gemm: the fast one. */
  CPU,
  /** Every matrix operation is one ND4J call: the readable one. */
  ND4J,
  /** Scalar loops: the reference. */
  PLAIN;

  /**
   * The backend called {@code name}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static Backend of(String name) {
    for (Backend backend : values()) {
      if (backend.toString().equals(name)) {
        return backend;
      }
    }
    String names = Arrays.stream(values()).map(Backend::toString).collect(Collectors.joining(", "));
    throw new IllegalArgumentException("backend: expected one of " + names + ", got " + name);
  }

  /**
   * New kernels, for one thread.
   *
   * @throws IllegalArgumentException if this backend has no kernels for {@code dtype}
   */
  public Kernels kernels(DType dtype) {
    boolean fits = dtype == DType.FLOAT32 || (dtype == DType.FLOAT64 && this == PLAIN);
    if (!fits) {
      throw new IllegalArgumentException(
          "dtype: expected float32 on backend " + this + " (float64 needs plain), got " + dtype);
    }
    return switch (this) {
      case CPU -> new CpuKernels();
      case ND4J -> new Nd4jKernels();
      case PLAIN -> new PlainKernels();
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
