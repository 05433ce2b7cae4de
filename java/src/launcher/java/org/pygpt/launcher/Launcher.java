package org.pygpt.launcher;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.ProcessBuilder.Redirect;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The main class of pygpt.jar: starts the program in a JVM with the flags that it needs, which a
 * manifest cannot give. Compiled for Java 8, so that an older JVM than the program's can say so.
 */
public final class Launcher {
  private static final int JAVA = 25; // what the program is compiled for
  private static final int ERROR = 1;
  private static final String NOTICE = "WARNING: Using incubator modules";

  private Launcher() {}

  /** Ends with the program's status. */
  public static void main(String[] arguments) throws Exception {
    String version = System.getProperty("java.specification.version");
    String home = System.getProperty("java.home");
    if (version.startsWith("1.") || Integer.parseInt(version) < JAVA) {
      System.err.println(
          "pygpt: error: expected Java " + JAVA + " or newer, got " + version + " at " + home);
      System.exit(ERROR);
    }
    File jar = new File(Launcher.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    File cache = cache();
    ClassArchive archive = new ClassArchive(jar, cache);
    announceUnpacking(jar, cache);
    List<String> java = new ArrayList<>();
    java.add(new File(home, "bin/java").getPath());
    java.addAll(flags());
    java.add("-Dorg.bytedeco.javacpp.cachedir=" + cache);
    java.addAll(Arrays.asList("-cp", jar.getPath()));
    List<String> command = new ArrayList<>(java);
    command.addAll(1, archive.flags());
    if (arguments.length > 0 && arguments[0].equals("names")) {
      command.add(1, "-XX:+UseSerialGC"); // a short run, most of which is its start
    }
    command.add("org.pygpt.cli.Main");
    command.addAll(Arrays.asList(arguments));
    Process program =
        new ProcessBuilder(command)
            .redirectInput(Redirect.INHERIT)
            .redirectOutput(Redirect.INHERIT)
            .start();
    if (arguments.length > 0 && arguments[0].equals("chat")) {
      leaveInterrupts();
    }
    endWith(program);
    passOn(program.getErrorStream());
    int status = program.waitFor();
    if (status == 0) {
      System.out.close(); // whoever reads it has all
      archive.make(java);
    }
    System.exit(status);
  }

  /**
   * Where native libraries are unpacked, by javacpp, which lets one process at a time do it: the
   * folder that {@code PYGPT_CACHE} names; else one in the home, or of this user among the
   * temporary files where that cannot be written.
   */
  private static File cache() {
    String named = System.getenv("PYGPT_CACHE");
    if (named != null && !named.isEmpty()) {
      return new File(named).getAbsoluteFile();
    }
    File inHome = new File(System.getProperty("user.home"), ".javacpp/cache");
    if ((inHome.isDirectory() || inHome.mkdirs()) && inHome.canWrite()) {
      return inHome;
    }
    String user = "javacpp-" + System.getProperty("user.name");
    return new File(System.getProperty("java.io.tmpdir"), user + "/cache");
  }

  /** Says once that the first use takes longer; javacpp makes a folder of the jar's name. */
  private static void announceUnpacking(File jar, File cache) {
    if (!new File(cache, jar.getName()).isDirectory()) {
      System.err.println(
          "pygpt: native libraries are unpacked to " + cache + " when they are first used");
    }
  }

  /** Passes on what the program says, without the notice that nothing turns off. */
  private static void passOn(InputStream errors) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int one = errors.read(); one >= 0; one = errors.read()) {
      line.write(one);
      if (one == '\n') {
        break;
      }
    }
    if (!line.toString("UTF-8").startsWith(NOTICE)) {
      line.writeTo(System.err);
    }
    byte[] buffer = new byte[1 << 12];
    for (int count = errors.read(buffer); count >= 0; count = errors.read(buffer)) {
      System.err.write(buffer, 0, count);
      System.err.flush();
    }
  }

  private static List<String> flags() throws IOException {
    List<String> flags = new ArrayList<>();
    try (InputStream file = Launcher.class.getResourceAsStream("java.flags");
        BufferedReader lines = new BufferedReader(new InputStreamReader(file, "UTF-8"))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isEmpty() && !line.startsWith("#")) {
          flags.add(line);
        }
      }
    }
    return flags;
  }

  /** Has a signal that ends this process end a program too, which may have a file to finish. */
  static void endWith(final Process program) {
    // No lambda: the machinery behind the first one takes as long as all else here.
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread() {
              @Override
              public void run() {
                program.destroy();
                try {
                  program.waitFor();
                } catch (InterruptedException interrupted) {
                  Thread.currentThread().interrupt();
                }
              }
            });
  }

  /** Leaves Ctrl-C to the program, which a terminal tells too. */
  private static void leaveInterrupts() {
    try { // sun.misc.Signal, which the compiler warns of wherever it is named
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Field ignored = handler.getField("SIG_IGN");
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance("INT"), ignored.get(null));
    } catch (ReflectiveOperationException error) {
      // then Ctrl-C ends the conversation
    }
  }
}
