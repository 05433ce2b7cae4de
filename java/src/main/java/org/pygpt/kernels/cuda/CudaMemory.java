package org.pygpt.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Mutable: memory of a card. */
final class CudaMemory extends Memory {
  private static final Cleaner CLEANER = Cleaner.create();

  private final CudaDevice device;
  private final Freeing freeing;
  private final Cleaner.Cleanable cleanable;

  /** What is left to do when nobody refers to the memory; runs once. */
  private static final class Freeing implements Runnable {
    private final CudaDevice device;
    private final long address;
    private volatile boolean done;

    Freeing(CudaDevice device, long address) {
      this.device = device;
      this.address = address;
    }

    @Override
    public void run() {
      done = true;
      try {
        device.free(address);
      } catch (CudaException error) {
        // the card's context is gone, and its memory with it
      }
    }
  }

  CudaMemory(CudaDevice device, long byteSize) {
    super(device, byteSize);
    this.device = device;
    freeing = new Freeing(device, device.allocateAddress(byteSize));
    cleanable = CLEANER.register(this, freeing);
    device.zero(freeing.address, byteSize);
  }

  /**
   * The address of byte 0 on the card.
   *
   * @throws IllegalStateException if this is closed
   */
  long address() {
    if (freeing.done) {
      throw new IllegalStateException("memory is closed: " + byteSize() + " bytes");
    }
    return freeing.address;
  }

  /** The address of a tensor's element (0, 0); 0 for none. */
  static long address(Tensor tensor) {
    return tensor == null
        ? 0
        : ((CudaMemory) tensor.memory()).address() + tensor.offset() * tensor.dtype().bytes();
  }

  @Override
  public void write(DType dtype, long index, MemorySegment from) {
    device.upload(address() + index * dtype.bytes(), from);
  }

  @Override
  public void read(DType dtype, long index, MemorySegment to) {
    device.download(to, address() + index * dtype.bytes());
  }

  @Override
  public void zero(DType dtype, long index, long length) {
    device.zero(address() + index * dtype.bytes(), length * dtype.bytes());
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
