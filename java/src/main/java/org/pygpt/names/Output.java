package org.pygpt.names;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import org.pygpt.files.FileException;

/** Where text goes; its errors say what that is. */
record Output(String name, OutputStream stream, Charset charset) implements AutoCloseable {
  /** Writes it at once. */
  void write(CharSequence text) throws FileException {
    try {
      stream.write(text.toString().getBytes(charset));
      stream.flush();
    } catch (IOException error) {
      throw failure(name, error);
    }
  }

  static FileException failure(String name, IOException error) {
    return new FileException(name + ": cannot be written", error);
  }

  @Override
  public void close() throws FileException {
    try {
      stream.close();
    } catch (IOException error) {
      throw failure(name, error);
    }
  }
}
