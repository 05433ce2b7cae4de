package org.pygpt.tensor;

import java.util.ArrayList;
import java.util.List;

/**
 * Mutable: memory that was given back and is kept for whoever next needs some, as memory of the
 * system costs a fault for each page, and is zeroed. So much is kept at most, the latest; any
 * thread may use it.
 */
public final class SpareMemory implements AutoCloseable {
  private final Device device;
  private final long mostBytes;
  private final List<Memory> spare = new ArrayList<>(); // oldest first
  private long bytes; // of all of these
  private boolean closed;

  /**
   * Keeps nothing yet.
   *
   * @param mostBytes that are kept
   */
  public SpareMemory(Device device, long mostBytes) {
    this.device = device;
    this.mostBytes = mostBytes;
  }

  /**
   * Memory of at least so many bytes, with any content: the smallest that is kept and suffices, or
   * new memory.
   *
   * @throws OutOfMemoryError if there is no room for it
   */
  public Memory take(long size) {
    synchronized (spare) {
      Memory smallest = null;
      for (Memory memory : spare) {
        boolean fits = memory.byteSize() >= size;
        if (fits && (smallest == null || memory.byteSize() < smallest.byteSize())) {
          smallest = memory;
        }
      }
      if (smallest != null) {
        spare.remove(smallest);
        bytes -= smallest.byteSize();
        return smallest;
      }
    }
    return device.allocate(size);
  }

  /** Takes memory that nobody uses any more, and frees what is then too much, oldest first. */
  public void giveBack(Memory memory) {
    synchronized (spare) {
      if (closed || memory.byteSize() > mostBytes) {
        memory.close();
        return;
      }
      spare.add(memory);
      bytes += memory.byteSize();
      while (bytes > mostBytes) {
        bytes -= spare.getFirst().byteSize();
        spare.removeFirst().close();
      }
    }
  }

  /** Size of what is kept. */
  public long byteSize() {
    synchronized (spare) {
      return bytes;
    }
  }

  /** Frees what is kept. */
  public void free() {
    synchronized (spare) {
      spare.forEach(Memory::close);
      spare.clear();
      bytes = 0;
    }
  }

  /** Likewise, and what is given back from now on. */
  @Override
  public void close() {
    synchronized (spare) {
      closed = true;
      free();
    }
  }
}
