"""A lock that one process holds at a time and that dies with it."""

from __future__ import annotations

import errno
import os
import sys
import warnings
import weakref
from pathlib import Path

from pygpt.errors import OutputError

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
_WINDOWS_OFFSET = 2**30  # beyond what is written: there a locked byte cannot be read


class FileLock:
    """Mutable: holds a file's lock until `close`, or until it or the process is no more.

    The file, made if it is not there, stays: a lock on one that was removed keeps nobody out. Where
    the file system has no locks, as some network file systems, there is a warning and no lock.

    Attributes:
        held: whether there is a lock.

    Args:
        what: is locked; begins the message of an `OutputError`, also if another process has it.
    """

    def __init__(self, path: Path, what: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{what}: cannot be written: {error.strerror}") from error
        self.held = True
        try:
            try:
                _lock(descriptor)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                self.held = False
                warnings.warn(
                    f"{what}: this file system has no locks ({error.strerror}), so nothing keeps a "
                    "second process out: take care that none writes there",
                    stacklevel=2,
                )
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
