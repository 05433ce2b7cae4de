package org.pygpt.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.pygpt.kernels.cuda.Libraries.function;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * Compiles the kernels for a card by NVRTC: to machine code and never to PTX, which a driver older
 * than NVRTC would refuse. What was compiled once lies in a cache folder.
 *
 * @see <a href="https://docs.nvidia.com/cuda/nvrtc/">NVRTC</a>
 */
final class Compiler {
  static final String LIBRARY = "libnvrtc.so.13";

  /** System property: where compiled kernels are kept; a folder beside the natives without it. */
  static final String CACHE = "pygpt.cuda.cache";

  /** The files of the program, in the order in which they are read. */
  private static final List<String> SOURCES =
      List.of(
          "common.cuh",
          "elements.cu",
          "activation.cu",
          "embedding.cu",
          "norm.cu",
          "loss.cu",
          "attention.cu",
          "attention_mma.cu");

  private final MethodHandle version;
  private final MethodHandle create;
  private final MethodHandle compile;
  private final MethodHandle logSize;
  private final MethodHandle log;
  private final MethodHandle imageSize;
  private final MethodHandle image;
  private final MethodHandle destroy;

  Compiler(SymbolLookup nvrtc) {
    version = function(nvrtc, "nvrtcVersion", ADDRESS, ADDRESS);
    create =
        function(
            nvrtc, "nvrtcCreateProgram", ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
    compile = function(nvrtc, "nvrtcCompileProgram", JAVA_LONG, JAVA_INT, ADDRESS);
    logSize = function(nvrtc, "nvrtcGetProgramLogSize", JAVA_LONG, ADDRESS);
    log = function(nvrtc, "nvrtcGetProgramLog", JAVA_LONG, ADDRESS);
    imageSize = function(nvrtc, "nvrtcGetCUBINSize", JAVA_LONG, ADDRESS);
    image = function(nvrtc, "nvrtcGetCUBIN", JAVA_LONG, ADDRESS);
    destroy = function(nvrtc, "nvrtcDestroyProgram", ADDRESS);
  }

  /** The kernels' program text. */
  static String source() {
    StringBuilder all = new StringBuilder();
    for (String name : SOURCES) {
      try (InputStream file = Compiler.class.getResourceAsStream(name)) {
        all.append("#line 1 \"").append(name).append("\"\n");
        all.append(new String(file.readAllBytes(), UTF_8));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
    return all.toString();
  }

  /** The version of NVRTC, such as 13.2. */
  String version() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment major = arena.allocate(JAVA_INT);
      MemorySegment minor = arena.allocate(JAVA_INT);
      check("nvrtcVersion", () -> (int) version.invokeExact(major, minor));
      return major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
    }
  }

  /**
   * The kernels for a card of this compute capability.
   *
   * @param capability such as 90
   * @return an image that the driver loads
   */
  byte[] kernels(int capability) {
    String source = source();
    Path cached = cache(source, capability);
    try {
      if (cached != null && Files.exists(cached)) {
        return Files.readAllBytes(cached);
      }
      byte[] compiled = compile(source, "--gpu-architecture=sm_" + capability);
      if (cached != null) {
        keep(cached, compiled);
      }
      return compiled;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private Path cache(String source, int capability) {
    String natives = System.getProperty("org.bytedeco.javacpp.cachedir");
    String folder = System.getProperty(CACHE, natives == null ? null : natives + "/cuda");
    if (folder == null) {
      return null;
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] hash = digest.digest((version() + source).getBytes(UTF_8));
      return Path.of(
          folder, HexFormat.of().formatHex(hash, 0, 16) + "-sm_" + capability + ".cubin");
    } catch (NoSuchAlgorithmException error) {
      throw new AssertionError(error);
    }
  }

  /**
   * Writes a file that others see whole or not at all; a folder that cannot be written is no fault.
   */
  private static void keep(Path file, byte[] image) {
    try {
      Files.createDirectories(file.getParent());
      Path part = Files.createTempFile(file.getParent(), "cubin", ".part");
      Files.write(part, image);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException error) {
      System.getLogger("pygpt")
          .log(System.Logger.Level.DEBUG, "compiled kernels are not kept: " + error.getMessage());
    }
  }

  private byte[] compile(String source, String option) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment program = arena.allocate(JAVA_LONG);
      MemorySegment text = arena.allocateFrom(source);
      MemorySegment name = arena.allocateFrom("pygpt.cu");
      MemorySegment none = MemorySegment.NULL;
      check(
          "nvrtcCreateProgram", () -> (int) create.invokeExact(program, text, name, 0, none, none));
      long made = program.get(JAVA_LONG, 0);
      try {
        MemorySegment options = arena.allocate(ADDRESS, 2);
        options.setAtIndex(ADDRESS, 0, arena.allocateFrom(option));
        options.setAtIndex(ADDRESS, 1, arena.allocateFrom("--std=c++17"));
        if (status(() -> (int) compile.invokeExact(made, 2, options)) != 0) {
          throw new CudaException("cuda: the kernels do not compile: " + firstError(arena, made));
        }
        MemorySegment bytes = text(arena, "nvrtcGetCUBIN", imageSize, image, made);
        return bytes.toArray(ValueLayout.JAVA_BYTE);
      } finally {
        check("nvrtcDestroyProgram", () -> (int) destroy.invokeExact(program));
      }
    }
  }

  private String firstError(Arena arena, long program) {
    String all = text(arena, "nvrtcGetProgramLog", logSize, log, program).getString(0);
    return all.lines().filter(line -> line.contains("error")).findFirst().orElse(all.strip());
  }

  /** What NVRTC gives by two calls: its size, and then its bytes. */
  private static MemorySegment text(
      Arena arena, String what, MethodHandle size, MethodHandle get, long program) {
    MemorySegment length = arena.allocate(JAVA_LONG);
    check(what, () -> (int) size.invokeExact(program, length));
    MemorySegment bytes = arena.allocate(length.get(JAVA_LONG, 0));
    check(what, () -> (int) get.invokeExact(program, bytes));
    return bytes;
  }

  @FunctionalInterface
  private interface Call {
    int run() throws Throwable;
  }

  private static int status(Call call) {
    try {
      return call.run();
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  private static void check(String what, Call call) {
    int status = status(call);
    if (status != 0) {
      throw new CudaException("cuda: " + what + " failed with status " + status);
    }
  }
}
