package org.pygpt.names;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Json;

/**
 * The names program: checks all that can be checked, then trains or loads, then samples.
 *
 * <p>Exit status: 0 well, 1 an error, 2 bad usage, 141 a reader that went away. An error is one
 * line. The log has one JSON object a line: {@code {"step": 1, "loss": 3.3659…}} for each step,
 * then {@code {"sample": "kamon"}} for each name.
 */
public final class NamesProgram {
  private static final int ERROR = 1;
  private static final int USAGE = 2;
  private static final int NO_READER = 141;
  private static final int RECENT = 100; // the loss that is shown is the mean of this many

  private final Output out;
  private final PrintStream err;

  /**
   * A program that writes there.
   *
   * @param out the names, help and version
   * @param err how the training goes, and errors
   * @param charset of out; a character that it lacks becomes a question mark
   */
  public NamesProgram(OutputStream out, PrintStream err, Charset charset) {
    this.out = new Output("standard output", out, charset);
    this.err = err;
  }

  /**
   * Runs the program once.
   *
   * @return the exit status
   * @throws Exception a fault of the program's own
   */
  public int run(String... arguments) throws Exception {
    Map<Option, String> given;
    NamesConfig config = null;
    try {
      given = Option.parse(arguments);
      if (!given.containsKey(Option.HELP) && !given.containsKey(Option.VERSION)) {
        config = NamesConfig.of(given);
      }
    } catch (IllegalArgumentException error) { // its message has name, expected, got
      return fail(error.getMessage(), USAGE);
    }
    try {
      if (config != null) {
        names(config, given.containsKey(Option.QUIET));
      } else {
        out.write(given.containsKey(Option.HELP) ? Option.help() : "pygpt " + version() + "\n");
      }
      return 0;
    } catch (FileException | TooLargeError | MissingBackendException | ArithmeticException error) {
      // ArithmeticException: a loss that is no number
      boolean hasReader =
          error.getCause() == null || !"Broken pipe".equals(error.getCause().getMessage());
      return hasReader ? fail(error.getMessage(), ERROR) : NO_READER;
    } catch (OutOfMemoryError error) {
      return fail("out of memory: " + error.getMessage() + "; try a smaller model", ERROR);
    }
  }

  private int fail(String message, int status) {
    err.println("pygpt: error: " + message.strip().replaceAll("(?U)\\s+", " "));
    return status;
  }

  private void names(NamesConfig config, boolean quiet) throws Exception {
    if (config.from() != null) {
      try (NamesRun run = NamesRun.load(config, config.from());
          Output log = log(config.log())) {
        show(run.sample(), log);
      }
      return;
    }
    List<String> documents =
        config.data() == null ? Documents.shippedNames() : Documents.read(config.data());
    if (config.out() != null) {
      ModelFolder.checkWritable(config.out());
    }
    try (NamesRun run = NamesRun.begin(config, documents);
        Output log = log(config.log())) {
      train(
          run, config.steps(), log, quiet ? new PrintStream(OutputStream.nullOutputStream()) : err);
      if (config.out() != null) {
        run.save(config.out());
      }
      show(run.sample(), log);
    }
  }

  private static Output log(Path path) throws FileException {
    String name = "log file " + path;
    try {
      boolean wanted = path != null;
      OutputStream file = wanted ? Files.newOutputStream(path) : OutputStream.nullOutputStream();
      return new Output(name, file, UTF_8);
    } catch (IOException error) {
      throw Output.failure(name, error);
    }
  }

  /** Trains; every loss gets into the log, and each tenth of the steps is shown. */
  private static void train(NamesRun run, int steps, Output log, PrintStream shown)
      throws Exception {
    shown.println(run.description());
    double[] losses = new double[steps];
    long began = System.nanoTime();
    run.train((first, some) -> {
      System.arraycopy(some, 0, losses, first, some.length);
      StringBuilder lines = new StringBuilder();
      for (int step = first + 1; step <= first + some.length; step++) {
        lines.append("{\"step\": ").append(step);
        lines.append(", \"loss\": ").append(losses[step - 1]).append("}\n");
        if (10L * step / steps > 10L * (step - 1) / steps) {
          shown.println(progress(step, losses, (System.nanoTime() - began) * 1e-9));
        }
      }
      log.write(lines);
    });
  }

  private static String progress(int step, double[] losses, double seconds) {
    double[] recent = Arrays.copyOfRange(losses, Math.max(0, step - RECENT), step);
    return String.format(
        Locale.ROOT,
        "step %" + Integer.toString(losses.length).length() + "d/%d  loss %.4f  %,.0f names/s",
        step,
        losses.length,
        Arrays.stream(recent).sum() / recent.length,
        step / Math.max(seconds, 1e-9));
  }

  private void show(List<String> samples, Output log) throws FileException {
    StringBuilder logged = new StringBuilder();
    StringBuilder printed = new StringBuilder();
    for (String sample : samples) {
      logged.append("{\"sample\": ").append(Json.quote(sample)).append("}\n");
      printed.append(sample).append('\n');
    }
    log.write(logged);
    out.write(printed);
  }

  /** The charset of the terminal; UTF-8 in the locale C, as Python has it (PEP 540). */
  public static Charset terminalCharset() {
    Charset charset = Charset.forName(System.getProperty("native.encoding"));
    return charset.equals(US_ASCII) ? UTF_8 : charset;
  }

  /** The version of pygpt. */
  public static String version() {
    String version = NamesProgram.class.getPackage().getImplementationVersion();
    return version == null ? "0+unknown" : version; // classes that are in no jar
  }
}
