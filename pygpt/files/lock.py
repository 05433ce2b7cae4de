"""A lock that one process holds at a time and that dies with it."""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path

from pygpt.errors import OutputError

_WINDOWS_OFFSET = 2**30  # beyond what is written: there a locked byte cannot be read


class FileLock:
    """Mutable: holds a file's lock until `close`, or until it or the process is no more.

    The file, made if it is not there, stays: a lock on one that was removed keeps nobody out.

    Args:
        what: is locked; begins the message of an `OutputError`, also if another process has it.
    """

    def __init__(self, path: Path, what: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{what}: cannot be written: {error.strerror}") from error
        try:
            _lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise OutputError(
                f"{what}: is in use by another process, {holder}; wait for its end, or choose "
                "another folder"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise OutputError(f"{what}: cannot be locked: {error.strerror}") from error
        self._close = weakref.finalize(self, os.close, descriptor)

    def close(self) -> None:
        """Let others have it; a second call does nothing."""
        self._close()


if sys.platform == "win32":
    import errno
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _WINDOWS_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(errno.EAGAIN, "locked") from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
