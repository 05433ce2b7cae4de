package org.pygpt.launcher;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.ProcessBuilder.Redirect;
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
    List<String> command = new ArrayList<>();
    command.add(new File(home, "bin/java").getPath());
    command.addAll(flags());
    command.addAll(Arrays.asList("-cp", jar.getPath(), "org.pygpt.cli.Main"));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    Process program =
        builder.redirectInput(Redirect.INHERIT).redirectOutput(Redirect.INHERIT).start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> end(program)));
    passOn(program.getErrorStream());
    System.exit(program.waitFor());
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

  /** A signal that ends this process ends the program too, which may have a file to finish. */
  private static void end(Process program) {
    program.destroy();
    try {
      program.waitFor();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
