package org.pygpt.names;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.tensor.TooLargeError;

/**
 * The names program: checks all that can be checked, then trains or loads, then samples.
 *
 * <p>Exit status: 0 well, 1 an error, 2 bad usage, 141 a reader that went away. An error is one
 * line.
 */
public final class NamesProgram {
  private static final int ERROR = 1;
  private static final int USAGE = 2;
  private static final int INTERRUPTED = 130;
  private static final int NO_READER = 141;

  private final OutputStream out;
  private final PrintStream err;
  private final Charset charset;

  /**
   * A program that writes there.
   *
   * @param out the names, help and version
   * @param err how the training goes, and errors
   * @param charset of out; a character that it lacks becomes a question mark
   */
  public NamesProgram(OutputStream out, PrintStream err, Charset charset) {
    this.out = out;
    this.err = err;
    this.charset = charset;
  }

  /**
   * Runs the program once.
   *
   * @return the exit status
   * @throws Exception a fault of the program's own
   */
  public int run(String... arguments) throws Exception {
    try {
      Map<Option, String> given = CommandLine.parse(arguments);
      if (given.containsKey(Option.HELP)) {
        print(CommandLine.help());
      } else if (given.containsKey(Option.VERSION)) {
        print("pygpt " + version() + "\n");
      } else {
        names(NamesConfig.of(given), given.containsKey(Option.QUIET));
      }
      return 0;
    } catch (NoReaderException error) {
      return NO_READER;
    } catch (UsageException error) {
      return fail(error.getMessage(), USAGE);
    } catch (FileException | TooLargeError | MissingBackendException | ArithmeticException error) {
      // ArithmeticException: a loss that is no number
      return fail(error.getMessage(), ERROR);
    } catch (CancellationException error) {
      return INTERRUPTED; // the process ends already, with its signal's status
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
          JsonLog log = new JsonLog(config.log())) {
        show(run.sample(), log);
      }
      return;
    }
    List<String> documents =
        config.data() == null ? Documents.shippedNames() : Documents.read(config.data());
    if (config.out() != null) {
      ModelFolder.checkWritable(config.out());
    }
    PrintStream shown = quiet ? new PrintStream(OutputStream.nullOutputStream()) : err;
    Progress progress = new Progress(config.steps(), shown);
    try (NamesRun run = NamesRun.begin(config, documents);
        JsonLog log = new JsonLog(config.log())) {
      progress.note(run.description());
      progress.begin();
      run.train((first, losses) -> {
        log.losses(first, losses);
        progress.update(losses);
      });
      if (config.out() != null) {
        run.save(config.out());
      }
      show(run.sample(), log);
    }
  }

  private void show(List<String> samples, JsonLog log) throws FileException, NoReaderException {
    log.samples(samples);
    StringBuilder lines = new StringBuilder();
    samples.forEach(sample -> lines.append(sample).append('\n'));
    print(lines.toString());
  }

  /** Whoever read standard output does so no more. */
  private static final class NoReaderException extends Exception {
    private static final long serialVersionUID = 1;
  }

  private void print(String text) throws FileException, NoReaderException {
    try {
      out.write(text.getBytes(charset));
      out.flush();
    } catch (IOException error) {
      if ("Broken pipe".equals(error.getMessage())) {
        throw new NoReaderException();
      }
      throw new FileException("standard output: cannot be written", error);
    }
  }

  private static String version() {
    String version = NamesProgram.class.getPackage().getImplementationVersion();
    return version == null ? "0+unknown" : version; // classes that are in no jar
  }
}
