package org.pygpt.runs;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.pygpt.files.FileException;

/**
 * Mutable: holds a file's lock until {@code close}, or until the process is no more: the lock that
 * Python takes, which is {@code flock} where there is one ({@link FileChannel#lock} is another).
 */
final class RunLock implements AutoCloseable {
  private static final int READ_WRITE = 2; // O_RDWR
  private static final int EXCLUSIVE_AT_ONCE = 2 | 4; // LOCK_EX | LOCK_NB
  private static final long WINDOWS_OFFSET = 1 << 30; // beyond what is written

  private static final FunctionDescriptor OPEN = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT);
  private static final FunctionDescriptor FLOCK =
      FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT);
  private static final FunctionDescriptor CLOSE = FunctionDescriptor.of(JAVA_INT, JAVA_INT);

  private int descriptor = -1;
  private FileChannel channel; // on Windows

  /**
   * Takes the lock of a file, which is made if it is not there.
   *
   * @param what begins the message
   * @throws FileException if another process has it, or it cannot be made
   */
  RunLock(Path path, String what) {
    try {
      if (!Files.exists(path)) {
        Files.createFile(path);
      }
      if (!lock(path)) {
        String holder = Files.readString(path).strip();
        close();
        throw new FileException(
            what
                + ": is in use by another process, "
                + (holder.isEmpty() ? "unknown" : holder)
                + "; wait for its end, or choose another folder");
      }
      Files.writeString(path, ProcessHandle.current().pid() + "\n");
    } catch (IOException error) {
      throw new FileException(what + ": cannot be written", error);
    }
  }

  private boolean lock(Path path) throws IOException {
    if (System.getProperty("os.name").startsWith("Windows")) {
      channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock(WINDOWS_OFFSET, 1, false);
      return lock != null;
    }
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle open = function("open", OPEN, Linker.Option.firstVariadicArg(2));
      descriptor = (int) open.invokeExact(arena.allocateFrom(path.toString()), READ_WRITE);
      if (descriptor < 0) {
        throw new IOException("cannot be opened");
      }
      return (int) function("flock", FLOCK).invokeExact(descriptor, EXCLUSIVE_AT_ONCE) == 0;
    } catch (IOException | RuntimeException | Error error) {
      throw error;
    } catch (Throwable error) { // the handles declare it, C functions cannot throw
      throw new AssertionError(error);
    }
  }

  @SuppressWarnings("restricted") // the three have these signatures in every C library
  private static MethodHandle function(
      String name, FunctionDescriptor signature, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature, options);
  }

  /** Lets others have it; a second call does nothing. */
  @Override
  public void close() {
    try {
      if (channel != null) {
        channel.close();
      } else if (descriptor >= 0) {
        int result = (int) function("close", CLOSE).invokeExact(descriptor);
        descriptor = result == 0 ? -1 : descriptor;
      }
    } catch (Throwable error) { // the handle declares it, a C function cannot throw
      throw new AssertionError(error);
    }
  }
}
