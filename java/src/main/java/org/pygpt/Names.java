package org.pygpt;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import org.pygpt.names.NamesProgram;

/**
 * {@code python -m pygpt names} with no Python: trains microgpt's model on names and prints new
 * ones.
 *
 * <pre>{@code
 * make java-names ARGS="--steps 5000 --n-embd 32 --out model"
 * }</pre>
 *
 * <p>Ctrl-C and SIGTERM end it, with status 130 and 143: at once, or when the model that is being
 * saved is on the disk. Nothing is left half-written.
 */
public final class Names {
  private Names() {}

  /** Runs the program and ends the process with its status; {@code --help} lists the options. */
  public static void main(String[] arguments) throws Exception {
    Charset charset = NamesProgram.terminalCharset();
    PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, charset);
    var out = new FileOutputStream(FileDescriptor.out);
    System.exit(new NamesProgram(out, err, charset).run(arguments));
  }
}
