package org.pygpt.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Mutable: bytes on a {@link Device}, with one owner, who closes it.
 *
 * <p>Everything that the engine computes with lies in a few of these: all parameters in one, all
 * gradients in one, each of Adam's moments, all activations. Tensors are views of it. Only kernels
 * and the two copies here reach the bytes; on a host, {@link HostMemory} shows them to whoever asks
 * for it by name.
 */
public abstract class Memory implements AutoCloseable {
  /** Cache-line size, and the widest vector register, in bytes. */
  public static final int ALIGNMENT_BYTES = 64;

  private final Device device;
  private final long byteSize;

  /** Memory of so many bytes. */
  protected Memory(Device device, long byteSize) {
    if (byteSize <= 0) {
      throw new IllegalArgumentException("bytes: expected at least 1, got " + byteSize);
    }
    this.device = device;
    this.byteSize = byteSize;
  }

  public final Device device() {
    return device;
  }

  public final long byteSize() {
    return byteSize;
  }

  /**
   * Uploads: overwrites elements with those of {@code from}, in native byte order.
   *
   * @param dtype of the elements
   * @param index of the first one, in elements
   * @throws IllegalStateException if this is closed
   */
  public abstract void write(DType dtype, long index, MemorySegment from);

  /** Downloads: fills {@code to} with the elements from {@code index} on. */
  public abstract void read(DType dtype, long index, MemorySegment to);

  /** Sets {@code length} elements from {@code index} on to zero. */
  public abstract void zero(DType dtype, long index, long length);

  @Override
  public abstract void close();
}
