package org.pygpt.launcher;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.ProcessBuilder.Redirect;
import java.nio.channels.FileLock;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * What the JVM knows after a short run of the program (classes read and linked, profiles), kept in
 * a file, with which the next one starts sooner. There is one for each jar and JVM, whole or not at
 * all; the JVM checks that it fits, and ignores it otherwise.
 */
final class ClassArchive {
  private static final String ENDING = ".aot";

  private final File folder; // null where none can be written
  private final String ofJar; // how the names of all archives of this jar begin
  private final File file;

  /** The archive of a jar in a folder. */
  ClassArchive(File jar, File cache) {
    boolean isUsable = (cache.isDirectory() || cache.mkdirs()) && cache.canWrite();
    folder = isUsable ? cache : null;
    String jvm = System.getProperty("java.home") + System.getProperty("java.vm.version");
    ofJar = "pygpt-" + Integer.toHexString(jar.getPath().hashCode()) + "-";
    String state = jvm + jar.length() + jar.lastModified();
    file = new File(cache, ofJar + Integer.toHexString(state.hashCode()) + ENDING);
  }

  /** The JVM's flags that use it, if it is there. */
  List<String> flags() {
    return folder != null && file.isFile()
        ? Arrays.asList("-XX:AOTCache=" + file, "-Xlog:disable", "-Xlog:all=error,aot*=off:stderr")
        : Collections.<String>emptyList();
  }

  /**
   * Makes it where it is not there, unless another process does; says so in a line on stderr.
   *
   * @param java the command up to the class path
   */
  void make(List<String> java) {
    if (folder == null || file.isFile()) {
      return;
    }
    try (RandomAccessFile held = new RandomAccessFile(new File(folder, ofJar + "lock"), "rw");
        FileLock lock = held.getChannel().tryLock()) {
      if (lock != null && !file.isFile()) {
        System.err.println(
            "pygpt: making " + file + ", with which it starts sooner (the first time only)");
        removeOthers();
        File made = new File(file.getPath() + ".new");
        if (run(java, made) && made.isFile()) {
          Files.move(made.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE);
        }
      }
    } catch (AtomicMoveNotSupportedException error) {
      // then there is none
    } catch (IOException error) {
      // no room, or no locks: the program goes without
    }
  }

  /** Takes away archives of the jar as it was before, and what a process that was killed left. */
  private void removeOthers() {
    File[] others = folder.listFiles();
    for (File other : others == null ? new File[0] : others) {
      if (other.getName().startsWith(ofJar) && !other.getName().endsWith("lock")) {
        other.delete();
      }
    }
  }

  private static boolean run(List<String> java, File made) throws IOException {
    List<String> command = new ArrayList<>(java);
    command.add(1, "-XX:AOTCacheOutput=" + made);
    command.addAll(Arrays.asList("org.pygpt.Names", "--steps", "30", "--quiet"));
    Process program =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(Redirect.to(new File("/dev/null")))
            .start();
    Launcher.endWith(program);
    try {
      return program.waitFor() == 0;
    } catch (InterruptedException interrupted) {
      return false;
    }
  }
}
