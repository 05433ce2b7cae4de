package org.pygpt.backends;

import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;

/**
 * A way to get {@link Kernels}: one of {@link Backend}, or a service of a jar on the class path,
 * which {@link java.util.ServiceLoader} finds and a user chooses by its name.
 */
public interface BackendProvider {
  /** The name that users choose it by. */
  String backend();

  /**
   * New kernels, to be used by one thread at a time.
   *
   * @param threads that share the work on backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if there are none for {@code dtype}
   * @throws MissingBackendException if what they need is not there
   */
  Kernels kernels(DType dtype, int threads);
}
