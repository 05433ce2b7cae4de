package org.pygpt.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import picocli.CommandLine.Option;

/** Which encoding text is in. */
final class EncodingFlag {
  @Option(
      names = "--encoding",
      paramLabel = "TEXT",
      description = "the encoding of files without a byte order mark, such as cp1252")
  private String encoding;

  /** Whether it was given. */
  boolean isGiven() {
    return encoding != null;
  }

  /**
   * The encoding that was given, or UTF-8.
   *
   * @throws IllegalArgumentException if Java has none of that name
   */
  Charset charset() {
    try {
      if (encoding == null || Charset.isSupported(encoding)) {
        return encoding == null ? UTF_8 : Charset.forName(encoding);
      }
    } catch (IllegalCharsetNameException error) {
      // no name at all: the same message
    }
    throw new IllegalArgumentException(
        "--encoding: expected one such as utf-16, latin-1, cp1252, shift_jis or gb18030, got "
            + encoding);
  }
}
