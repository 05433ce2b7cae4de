"""The helper that starts processes: nothing outlives its block, and signals have their defaults."""

from __future__ import annotations

import os
import signal
import sys
import time
from subprocess import PIPE, TimeoutExpired

import pytest

from tests.support.processes import completed, default_signals, started

FAMILY = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True); child.wait()"
)
HANDLER = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def _runs(process: int) -> bool:
    """Whether it is there and no zombie, which a container without an init keeps for ever."""
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_failed_assertion_leaves_no_process() -> None:
    began = time.monotonic()
    with (
        pytest.raises(AssertionError, match="meant"),
        started([sys.executable, "-c", FAMILY], stderr=PIPE) as process,
    ):
        assert process.stdout is not None
        child = int(process.stdout.readline())
        raise AssertionError("meant")
    assert process.returncode == -signal.SIGKILL
    deadline = began + 20
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_that_takes_too_long_is_killed() -> None:
    with pytest.raises(TimeoutExpired):
        completed([sys.executable, "-c", FAMILY], timeout=0.2)


def test_processes_have_the_default_where_a_signal_is_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert completed([sys.executable, "-c", HANDLER]).stdout == "True\n"
        with pytest.raises(KeyboardInterrupt), default_signals():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
