package org.pygpt.tensor;

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
}
