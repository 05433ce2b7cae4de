package org.pygpt.kernels.cuda;

import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: memory of a card for what a kernel leaves for the next one; grows, and is used again.
 */
final class Scratch implements AutoCloseable {
  private final CudaDevice device;
  private CudaMemory memory;

  Scratch(CudaDevice device) {
    this.device = device;
  }

  /** A row of so many elements, of unknown contents, until the next call. */
  Tensor of(DType dtype, long length) {
    address(length * dtype.bytes());
    return Tensor.of(memory, dtype, 0, 1, Math.toIntExact(length));
  }

  /** The address of so many bytes of unknown contents, until the next call. */
  long address(long bytes) {
    if (memory == null || memory.byteSize() < bytes) {
      close();
      memory = new CudaMemory(device, bytes);
    }
    return memory.address();
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
      memory = null;
    }
  }
}
