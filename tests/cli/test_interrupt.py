"""Signals during a long training: a quick, clean end and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.support.processes import started

pytestmark = pytest.mark.usefixtures("unpacked")

# The deadline is a promise to the user; what is above half a second is for a busy machine.
DEADLINE_S = 0.5 + 1.0


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [
        (signal.SIGINT, 130, "pygpt: interrupted\n"),
        (signal.SIGTERM, 143, "pygpt: terminated\n"),
    ],
    ids=["ctrl_c", "sigterm"],
)
@pytest.mark.parametrize("backend", ["cpu", "nd4j"])
def test_signal(
    number: signal.Signals,
    status: int,
    line: str,
    backend: str,
    tmp_path: Path,
    python_environment: dict[str, str],
) -> None:
    arguments = ["names", "--steps", "3000000", "--out", "out", "--backend", backend, "--quiet"]
    command = [sys.executable, "-m", "pygpt", *arguments, "--log", "log"]
    with started(command, env=python_environment, cwd=tmp_path, stderr=PIPE) as process:
        _wait_for_steps(tmp_path / "log", process)
        sent = time.monotonic()
        process.send_signal(number)
        output = process.communicate(timeout=30)
        took = time.monotonic() - sent
    assert (process.returncode, *output) == (status, "", line)
    assert took < DEADLINE_S
    assert os.listdir(tmp_path) == ["log"]
    assert (tmp_path / "log").read_bytes().endswith(b"}\n")


def _wait_for_steps(log: Path, process: subprocess.Popen[str]) -> None:
    """Return when the training has begun, as its log shows."""
    deadline = time.monotonic() + 30
    while not log.exists() or not log.stat().st_size:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def test_reader_that_goes_away(tmp_path: Path, python_environment: dict[str, str]) -> None:
    code = "import sys; from pygpt.cli.main import run; sys.exit(run())"
    arguments = ["names", "--steps", "2", "--samples", "20000", "--quiet"]
    command = [sys.executable, "-c", code, *arguments]
    with started(command, env=python_environment, cwd=tmp_path, stderr=PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 141
