package org.pygpt.tensor;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.HashSet;
import java.util.Set;

/**
 * Mutable: a device for tests whose memory is not there for the host: its pages are locked but
 * during a copy or a kernel, so that Java code that reads them gets an exception, and native code
 * ends the process. (Linux and macOS.)
 */
public final class GuardedDevice implements Device {
  private static final int READ_AND_WRITE = 3; // sys/mman.h
  private static final int PRIVATE = 2;
  private static final int ANONYMOUS =
      System.getProperty("os.name").startsWith("Mac") ? 0x1000 : 0x20;
  private static final MethodHandle MMAP =
      link("mmap", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle MPROTECT =
      link("mprotect", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle MUNMAP = link("munmap", JAVA_INT, JAVA_LONG, JAVA_LONG);

  private final Set<Guarded> all = new HashSet<>();
  private int users;

  @SuppressWarnings("restricted")
  private static MethodHandle link(String name, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  @Override
  public String name() {
    return "guarded";
  }

  @Override
  public long freeBytes() {
    return HostDevice.host().freeBytes();
  }

  @Override
  @SuppressWarnings("restricted") // pages that were just mapped
  public synchronized Memory allocate(long bytes) {
    try {
      int protection = users > 0 ? READ_AND_WRITE : 0;
      int flags = PRIVATE | ANONYMOUS;
      long address = (long) MMAP.invokeExact(0L, bytes, protection, flags, -1, 0L);
      if (address == -1) {
        throw new OutOfMemoryError("mmap of " + bytes + " bytes");
      }
      Arena lifetime = Arena.ofShared();
      MemorySegment segment =
          MemorySegment.ofAddress(address)
              .reinterpret(bytes, lifetime, pages -> unmap(pages.address(), bytes));
      Guarded memory = new Guarded(lifetime, segment);
      all.add(memory);
      return memory;
    } catch (RuntimeException | Error error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int unused = (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Unlocks all memory until {@link #lock}, for as many calls of that as there were of this. */
  public synchronized void unlock() {
    if (users++ == 0) {
      all.forEach(memory -> memory.protect(READ_AND_WRITE));
    }
  }

  /** Ends one {@link #unlock}. */
  public synchronized void lock() {
    if (--users == 0) {
      all.forEach(memory -> memory.protect(0));
    }
  }

  private synchronized void check() {
    if (users == 0) {
      throw new IllegalStateException("guarded memory is accessed outside copies and kernels");
    }
  }

  private synchronized void forget(Guarded memory) {
    all.remove(memory);
  }

  private final class Guarded extends HostMemory {
    private final MemorySegment pages;

    Guarded(Arena lifetime, MemorySegment pages) {
      super(GuardedDevice.this, lifetime, pages);
      this.pages = pages;
    }

    void protect(int access) {
      try {
        int status = (int) MPROTECT.invokeExact(pages.address(), byteSize(), access);
        if (status != 0) {
          throw new IllegalStateException("mprotect failed");
        }
      } catch (RuntimeException error) {
        throw error;
      } catch (Throwable error) {
        throw new AssertionError("a native call threw", error);
      }
    }

    @Override
    public MemorySegment segment() {
      check();
      return super.segment();
    }

    @Override
    public void write(DType dtype, long index, MemorySegment from) {
      unlock();
      try {
        super.write(dtype, index, from);
      } finally {
        lock();
      }
    }

    @Override
    public void read(DType dtype, long index, MemorySegment to) {
      unlock();
      try {
        super.read(dtype, index, to);
      } finally {
        lock();
      }
    }

    @Override
    public void zero(DType dtype, long index, long length) {
      unlock();
      try {
        super.zero(dtype, index, length);
      } finally {
        lock();
      }
    }

    @Override
    public void close() {
      forget(this);
      super.close();
    }
  }
}
