package org.pygpt.kernels.cuda;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where NVIDIA's libraries are: in the folder that the environment variable PYGPT_CUDA names, in
 * those that Python found (the property {@link #PATH}), where the system looks, in CUDA_HOME.
 */
final class Libraries {
  /** System property: folders of cuBLASLt and NVRTC, as a class path is written. */
  static final String PATH = "pygpt.cuda.path";

  /** What brings cuBLASLt and NVRTC. */
  static final String INSTALL = "pip install 'pygpt[cuda]'";

  private static final List<Path> FOLDERS = folders();

  private Libraries() {}

  private static List<Path> folders() {
    List<Path> folders = new ArrayList<>();
    String named = System.getenv("PYGPT_CUDA");
    String found = System.getProperty(PATH, "");
    String home = System.getenv("CUDA_HOME");
    if (named != null && !named.isEmpty()) {
      folders.add(Path.of(named).toAbsolutePath());
    }
    for (String folder : found.split(File.pathSeparator)) {
      if (!folder.isEmpty()) {
        folders.add(Path.of(folder));
      }
    }
    if (home != null && !home.isEmpty()) {
      folders.add(Path.of(home, "lib64"));
    }
    return folders;
  }

  /** Where libraries were looked for, for a message. */
  static String searched() {
    return FOLDERS.isEmpty() ? "the system's folders" : FOLDERS + " and the system's folders";
  }

  /** Where a library is, or that it is missing and what brings it; for a user to read. */
  static String whereIs(String name) {
    for (Path folder : FOLDERS) {
      if (Files.exists(folder.resolve(name))) {
        return folder.resolve(name).toString();
      }
    }
    if (open(name) != null) {
      return name + ", found by the system";
    }
    return String.format("%s is not found in %s: %s", name, searched(), INSTALL);
  }

  /**
   * The library of this name, loaded for the life of the process.
   *
   * @return null if there is none
   */
  @SuppressWarnings("restricted")
  static SymbolLookup open(String name) {
    for (Path folder : FOLDERS) {
      Path file = folder.resolve(name);
      if (Files.exists(file)) {
        return SymbolLookup.libraryLookup(file, Arena.global());
      }
    }
    try {
      return SymbolLookup.libraryLookup(name, Arena.global());
    } catch (IllegalArgumentException error) {
      return null;
    }
  }

  /** A function that returns a status, which is 0 for success. */
  @SuppressWarnings("restricted")
  static MethodHandle function(SymbolLookup library, String name, MemoryLayout... arguments) {
    return Linker.nativeLinker()
        .downcallHandle(
            library.findOrThrow(name), FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }
}
