package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Immutable: a function of six whole numbers or addresses, whose instructions an {@link Assembler}
 * has written. It is never freed. Linux only.
 */
final class MachineCode {
  // of sys/mman.h
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;
  private static final int PRIVATE_ANONYMOUS = 0x22;

  private static final MethodHandle MAP =
      libc("mmap", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle PROTECT =
      libc("mprotect", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle CALL = call();

  private static final byte[] RETURN = {(byte) 0xc3};

  private final MemorySegment function;

  private MachineCode(MemorySegment function) {
    this.function = function;
  }

  /** Whether the system lets instructions run that a program wrote: not all do. */
  static boolean isAvailable() {
    try {
      of(RETURN).call(0, 0, 0, 0, 0, 0);
      return true;
    } catch (IllegalStateException | OutOfMemoryError error) {
      return false;
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle libc(String name, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  @SuppressWarnings("restricted")
  private static MethodHandle call() {
    return Linker.nativeLinker()
        .downcallHandle(
            FunctionDescriptor.ofVoid(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  }

  /**
   * Copies instructions to where they can run.
   *
   * @throws OutOfMemoryError if there is no memory for them
   * @throws IllegalStateException if the system does not let them run
   */
  @SuppressWarnings("restricted")
  static MachineCode of(byte[] instructions) {
    long size = instructions.length;
    try {
      long address = (long) MAP.invokeExact(0L, size, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (address == -1) {
        throw new OutOfMemoryError("no memory for " + size + " bytes of instructions");
      }
      MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(size);
      memory.copyFrom(MemorySegment.ofArray(instructions));
      if ((int) PROTECT.invokeExact(address, size, READ | EXECUTE) != 0) {
        throw new IllegalStateException("the system runs no instructions that a program wrote");
      }
      return new MachineCode(memory);
    } catch (RuntimeException | Error error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Runs it. */
  void call(long a, long b, long c, long d, long e, long f) {
    try {
      CALL.invokeExact(function, a, b, c, d, e, f);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }
}
