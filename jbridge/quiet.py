"""Keeps a notice that has no off switch off the user's terminal while the JVM starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# java.base prints it to standard error while it boots; no option and no property stops it.
UNWANTED = b"WARNING: Using incubator modules: "


@contextmanager
def without_incubator_notice() -> Iterator[None]:
    """Within the block, what goes to stderr passes through a `sed` that drops the notice.

    This works on the file descriptor, since the JVM writes to that and not to `sys.stderr`. A
    process of its own passes on what the JVM says as it ends this one. Without a stderr, or
    without a `sed`, all is left as it is.
    """
    sed = shutil.which("sed")
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # closed, as in some daemons
        yield
        return
    try:
        if sed is None:
            yield
            return
        command = [sed, "-u", f"/^{UNWANTED.decode()}/d"]
        passing = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=saved, start_new_session=True
        )
        assert passing.stdin is not None
        os.dup2(passing.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            passing.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                passing.wait(1)  # longer if a program that was started meanwhile has the pipe too
    finally:
        os.close(saved)
