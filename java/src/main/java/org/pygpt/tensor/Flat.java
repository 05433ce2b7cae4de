package org.pygpt.tensor;

import java.lang.foreign.MemorySegment;

/**
 * A run of elements of one memory, for what needs no shape: optimizers and norms.
 *
 * @param from index of the first element
 * @param length number of elements
 */
public record Flat(Memory memory, DType dtype, long from, long length) {
  /** All of a memory. */
  public static Flat of(Memory memory, DType dtype) {
    return new Flat(memory, dtype, 0, memory.byteSize() / dtype.bytes());
  }

  /** Elements [from, from + length) of this one, shared. */
  public Flat part(long from, long length) {
    return new Flat(memory, dtype, this.from + from, length);
  }

  // ---- for callers in another language, who name their memory by its address
  // ---------------------

  /** Whether {@link #address} is there: the elements lie in memory of this host. */
  public boolean isHost() {
    return memory.device() == HostDevice.host();
  }

  /**
   * Address of the first element, valid until the memory is closed.
   *
   * @throws ClassCastException if the memory is not the host's
   */
  public long address() {
    return ((HostMemory) memory).address() + from * dtype.bytes();
  }

  /** Copies the elements to the host's memory at {@code address}, which has room for all. */
  public void read(long address) {
    memory.read(dtype, from, at(address));
  }

  /** Copies the elements from the host's memory at {@code address}. */
  public void write(long address) {
    memory.write(dtype, from, at(address));
  }

  @SuppressWarnings("restricted") // the caller owns so many bytes there
  private MemorySegment at(long address) {
    return MemorySegment.ofAddress(address).reinterpret(length * dtype.bytes());
  }
}
