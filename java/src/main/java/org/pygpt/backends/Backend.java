package org.pygpt.backends;

import java.util.ServiceLoader;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.cpu.CpuKernels;
import org.pygpt.kernels.cuda.CudaException;
import org.pygpt.kernels.cuda.CudaKernels;
import org.pygpt.kernels.nd4j.Nd4jKernels;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.text.Choice;

/** The implementations of {@link Kernels} that come with the engine. */
public enum Backend implements BackendProvider {
  /** Our own kernels on ND4J's memory, and a native gemm: the fast one. */
  CPU,
  /** Every matrix operation is one ND4J call: the readable one. */
  ND4J,
  /** Scalar loops: the reference. */
  PLAIN,
  /** Our own kernels on an NVIDIA card. */
  CUDA;

  /** System property that names the backend of models for which none is given. */
  public static final String PROPERTY = "pygpt.backend";

  private static final String CARD = "cuda:\\d{1,3}";

  /**
   * The backend called {@code name}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static Backend of(String name) {
    return Choice.of("backend", Backend.class, name);
  }

  /** Whether models may be made with this name: {@link #named} knows it, or it is auto. */
  public static boolean has(String name) {
    return name.equals(AutoBackend.NAME) || find(name) != null;
  }

  /**
   * The backend called {@code name}: one of these, or a service on the class path.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names of these
   */
  public static BackendProvider named(String name) {
    BackendProvider found = find(name);
    return found == null ? of(name) : found;
  }

  private static BackendProvider find(String name) {
    for (Backend backend : values()) {
      if (backend.backend().equals(name)) {
        return backend;
      }
    }
    if (name.matches(CARD)) {
      return new Card(Integer.parseInt(name.substring(name.indexOf(':') + 1)));
    }
    ClassLoader jars = Backend.class.getClassLoader();
    for (BackendProvider provider : ServiceLoader.load(BackendProvider.class, jars)) {
      if (provider.backend().equals(name)) {
        return provider;
      }
    }
    return null;
  }

  /** A card of backend cuda that is not the first. */
  private record Card(int number) implements BackendProvider {
    @Override
    public String backend() {
      return "cuda:" + number;
    }

    @Override
    public Kernels kernels(DType dtype, int threads) {
      checkDtype(dtype, CUDA);
      return cuda(number);
    }
  }

  /** The backend that the system property {@link #PROPERTY} names, {@code cpu} without one. */
  public static BackendProvider chosen() {
    return named(System.getProperty(PROPERTY, CPU.backend()));
  }

  @Override
  public String backend() {
    return Choice.name(this);
  }

  @Override
  public Kernels kernels(DType dtype, int threads) {
    checkDtype(dtype, this);
    return switch (this) {
      case CPU -> {
        int processors = Runtime.getRuntime().availableProcessors();
        yield new CpuKernels(threads == 0 ? processors : threads);
      }
      case ND4J -> nd4j();
      case PLAIN -> new PlainKernels();
      case CUDA -> cuda(0);
    };
  }

  private static void checkDtype(DType dtype, Backend backend) {
    if (dtype != DType.FLOAT32 && (dtype != DType.FLOAT64 || backend != PLAIN)) {
      throw new IllegalArgumentException(
          "dtype: expected float32 on backend " + backend + " (float64 needs plain), got " + dtype);
    }
  }

  private static Kernels cuda(int card) {
    try {
      return new CudaKernels(card);
    } catch (CudaException error) {
      String message = error.getMessage().replaceFirst("^cuda: ", ""); // as of a call that failed
      throw new MissingBackendException("backend cuda: " + message, error);
    }
  }

  private static Kernels nd4j() {
    try {
      return new Nd4jKernels();
    } catch (LinkageError error) {
      throw new MissingBackendException(
          "backend: expected cpu where ND4J has no library for this machine on the class path, "
              + "got nd4j; choose cpu, or install pygpt again",
          error);
    }
  }

  @Override
  public String toString() {
    return backend();
  }
}
