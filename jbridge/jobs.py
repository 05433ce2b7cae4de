"""Waiting for work that runs on a Java thread.

While Python is inside one Java call it does not see Ctrl-C, so the wait is many short calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jbridge.calls import is_ending, park_if_ending, translate
from jbridge.errors import JavaError, is_java

POLL_MS = 50
GRACE_S = 0.3  # Ctrl-C answers within half a second, polls included


def wait(job: Any, on_poll: Callable[[], None] | None = None) -> None:
    """Wait until a Java job is done.

    If anything interrupts the wait (Ctrl-C, SIGTERM, an error in `on_poll`) the job is cancelled,
    and has `GRACE_S` seconds to end before the interruption goes on.

    Args:
        job: has `boolean awaitMillis(long)`, true when done, which rethrows the job's failure,
            and `void cancel()`.
        on_poll: called after each poll, about 20 times a second, and once after the last.
    Raises:
        JavaError: the job failed or was cancelled by somebody else.
        ForkedProcessError: this process was forked from the one that runs the job.
    """
    done = False
    with translate():
        try:
            while not done:
                done = bool(job.awaitMillis(POLL_MS))
                if is_ending():
                    _leave(job)
                if on_poll is not None:
                    on_poll()
        except BaseException as error:
            if not done and not is_java(error):
                _cancel(job)
            raise


def _leave(job: Any) -> None:
    """As the program ends: let a daemon thread's job end, and the thread stay here."""
    with suppress(JavaError), translate():
        job.cancel()
        while not job.awaitMillis(POLL_MS):
            pass
    park_if_ending()


def _cancel(job: Any) -> None:
    """Cancel and give the job a moment to end; how it ends is of no interest any more."""
    deadline = time.monotonic() + GRACE_S
    job.cancel()
    with suppress(JavaError), translate():
        while time.monotonic() < deadline and not job.awaitMillis(POLL_MS):
            pass
