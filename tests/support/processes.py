"""Processes that tests start: signals as in a terminal's foreground, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

LONGEST_S = 300.0  # of a process that nothing else ends: a test that reads from it then fails


@contextmanager
def default_signals() -> Iterator[None]:
    """Undo, inside the block, that this process was started with SIGINT or others ignored.

    `nohup` and a shell's background jobs ignore some, and every process that is started from there
    inherits it. One that this process handles, a new process gets with its default.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        python_has_its_own = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if python_has_its_own else signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def started(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | None = None,
    stdout: int | None = PIPE,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start a process with default signals; the block's end, or LONGEST_S, kills what is left.

    It leads a session of its own, so that the processes that it starts are killed with it.
    """
    files: Any = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    with default_signals():
        process = subprocess.Popen(
            command, env=env, cwd=cwd, encoding="utf-8", start_new_session=True, **files
        )

    def kill() -> None:
        with suppress(ProcessLookupError, PermissionError):  # all have ended; macOS says the other
            os.killpg(process.pid, signal.SIGKILL)

    watchdog = threading.Timer(LONGEST_S, kill)
    watchdog.daemon = True
    watchdog.start()
    with process:
        try:
            yield process
        finally:
            watchdog.cancel()
            kill()


def completed(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = LONGEST_S,
    input: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; return its status and what it wrote.

    Args:
        input: what it reads; by default what this process reads.
    Raises:
        subprocess.TimeoutExpired: it did not end in so many seconds; it was killed.
    """
    stdin = None if input is None else PIPE
    with started(command, env=env, cwd=cwd, stdin=stdin, stderr=PIPE) as process:
        output, errors = process.communicate(input, timeout=timeout)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
