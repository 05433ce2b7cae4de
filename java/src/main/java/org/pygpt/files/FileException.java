package org.pygpt.files;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/**
 * A file or folder that cannot be read or written; the message is one line for the user: which one,
 * what was expected, what came.
 */
public final class FileException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** An exception whose message says all. */
  public FileException(String message) {
    super(message);
  }

  /** An exception whose message ends with what the system says. */
  public FileException(String message, IOException cause) {
    super(message + ": " + reason(cause), cause);
  }

  /** What the system says, without the file's name, which Java has in its messages. */
  private static String reason(IOException error) {
    return switch (error) {
      case NoSuchFileException _ -> "No such file or directory";
      case AccessDeniedException _ -> "Permission denied";
      case FileAlreadyExistsException _ -> "File exists";
      case NotDirectoryException _ -> "Not a directory";
      case FileSystemException e when e.getReason() != null -> e.getReason();
      default -> String.valueOf(error.getMessage());
    };
  }
}
