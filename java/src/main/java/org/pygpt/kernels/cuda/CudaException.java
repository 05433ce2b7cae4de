package org.pygpt.kernels.cuda;

/** What a CUDA library refused, or that it or a card is not there; the message is one line. */
public final class CudaException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  CudaException(String message) {
    super(message);
  }
}
