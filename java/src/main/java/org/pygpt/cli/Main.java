package org.pygpt.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.pygpt.Names;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.files.FileException;
import org.pygpt.names.NamesProgram;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.TextException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * {@code java -jar pygpt.jar}: what {@code python -m pygpt} does, with no Python; files and options
 * are the same.
 *
 * <p>Exit status: 0 well, 1 an error, 2 bad usage. An error is one line.
 */
@Command(
    name = "pygpt",
    description = "GPTs on the JVM: text in, text out.",
    subcommands = {
      Main.NamesCommand.class,
      GenerateCommand.class,
      ChatCommand.class,
      TrainCommand.class,
      InfoCommand.class
    },
    mixinStandardHelpOptions = true,
    versionProvider = Main.class)
public final class Main implements CommandLine.IVersionProvider {
  private static final int ERROR = 1;
  private static final int USAGE = 2;

  private final PrintStream err;

  /** The commands without a terminal; for picocli, which asks it for the version. */
  public Main() {
    this(System.err);
  }

  private Main(PrintStream err) {
    this.err = err;
  }

  /** Trains and makes names; its options are those of {@link Names}. */
  @Command(
      name = "names",
      description = "train Karpathy's microgpt on names and make new ones; names --help says more")
  static final class NamesCommand implements Callable<Integer> {
    @Unmatched private List<String> arguments = new ArrayList<>();

    @Override
    public Integer call() throws Exception {
      Names.main(arguments.toArray(String[]::new)); // ends the process
      return 0;
    }
  }

  /** Runs a command and ends the process with its status. */
  public static void main(String[] arguments) {
    Charset charset = NamesProgram.terminalCharset();
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, charset);
    PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, charset);
    System.exit(run(out, err, arguments));
  }

  /** Runs a command and returns its status; {@code names} ends the process. */
  public static int run(PrintStream out, PrintStream err, String... arguments) {
    return new Main(err).run(out, arguments);
  }

  private int run(PrintStream out, String... arguments) {
    CommandLine line =
        new CommandLine(this)
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .setParameterExceptionHandler((error, _) -> fail(error.getMessage(), USAGE))
            .setExecutionExceptionHandler((error, _, _) -> fail(error));
    FieldOptions.addTo(line.getSubcommands().get("train").getCommandSpec());
    int status;
    try {
      status =
          arguments.length == 0
              ? fail("expected a command; try --help", USAGE)
              : line.execute(arguments);
    } catch (TooLargeError error) {
      status = fail(error.getMessage(), ERROR);
    }
    out.flush();
    return status;
  }

  private int fail(Exception error) throws Exception {
    return switch (error) {
      case FileException _, TextException _, MissingBackendException _, ArithmeticException _ ->
          fail(error.getMessage(), ERROR);
      case IllegalArgumentException _ -> fail(error.getMessage(), USAGE);
      default -> throw error;
    };
  }

  private int fail(String message, int status) {
    err.println("pygpt: error: " + message.strip().replaceAll("(?U)\\s+", " "));
    return status;
  }

  @Override
  public String[] getVersion() {
    return new String[] {"pygpt " + NamesProgram.version()};
  }
}
