"""Keeps a notice that has no off switch off the user's terminal while the JVM starts."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# java.base prints it to standard error while it boots; no option and no property stops it.
UNWANTED = b"WARNING: Using incubator modules: "


@contextmanager
def without_incubator_notice() -> Iterator[None]:
    """Within the block, stderr goes to a file; afterwards all but the notice is passed on.

    This works on the file descriptor, since the JVM writes to that and not to `sys.stderr`. A
    process without a stderr is left as it is. What the JVM writes just before it ends the whole
    process is lost, so do not use this where that can happen.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # closed, as in some daemons
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            kept = b"".join(line for line in file if not line.startswith(UNWANTED))
            if kept:
                os.write(2, kept)
