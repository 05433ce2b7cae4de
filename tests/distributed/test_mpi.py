"""Workers as processes that mpiexec starts: what they print, how they end, who is named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import jbridge
import pygpt
from jbridge import mpi
from pygpt import ConfigError
from pygpt.cli import main as cli
from pygpt.cli.workers import workers
from pygpt.distributed import launch
from pygpt.distributed.launch import Ended, Launcher
from pygpt.engine.door import translated
from tests.support.training_runs import saved

MPIEXEC = Path(sys.executable).parent / "mpiexec"
SIZES = ["--n-layer", "1", "--n-embd", "16", "--n-head", "2", "--batch-size", "8"]
STEPS = ["--max-iters", "60", "--checkpoint-interval", "20", "--eval-interval", "30"]
FIXED = ["--eval-iters", "2", "--microbatches", "4", "--threads", "1", "--dropout", "0.1"]
TRAIN = ["train", "makemore", *SIZES, *STEPS, *FIXED]


@pytest.fixture
def worker(python_environment: dict[str, str]) -> Callable[[str], Any]:
    def run(what: str) -> subprocess.CompletedProcess[str]:
        command = [MPIEXEC, "-n", "2", sys.executable, "-m", "tests.distributed.worker", what]
        return subprocess.run(
            command, env=python_environment, capture_output=True, text=True, timeout=60
        )

    return run


def test_calls(worker: Callable[[str], Any]) -> None:
    result = worker("fine")
    assert (result.returncode, result.stdout) == (0, "")
    assert re.fullmatch(r"2 workers by MPICH [\d.]+: 0 \S+:\d+, 1 \S+:\d+\n", result.stderr)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("raise", r"pygpt: rank 1 \(\S+\): ValueError: in call 10"),
        ("stop", r"pygpt: rank 1 \(\S+\): no sign of life for some seconds: stopped, or cut off"),
    ],
)
def test_one_line_names_the_worker_that_ends_all(
    worker: Callable[[str], Any], what: str, line: str
) -> None:
    result = worker(what)
    assert result.returncode
    (said,) = re.findall(r"^pygpt: .*$", result.stderr, re.MULTILINE)
    assert re.fullmatch(line, said)


def test_a_worker_that_is_killed_and_a_run_that_goes_on(
    python_environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = [*TRAIN, "--max-iters", "150"]  # long enough to be killed in
    assert cli.run([*train, "--out", str(tmp_path / "whole")]) == 0
    alone = capsys.readouterr()
    command = [sys.executable, "-m", "pygpt", "launch", "-n", "2", "--max-restarts", "1", *train]
    process = subprocess.Popen(
        [*command, "--out", "run"],
        env=python_environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        roster = re.search(r": 0 \S+:(\d+), 1 (\S+):(\d+)$", first.strip())
        assert roster is not None, first
        deadline = time.monotonic() + 60
        while not (tmp_path / "run" / "last").is_dir() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(int(roster[3]), signal.SIGKILL)
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 0, err
    place = re.escape(f"{roster[2]}:{roster[3]}")
    assert re.search(rf"^pygpt: rank 1 \({place}\): has ended without a word", err, re.MULTILINE)
    assert "pygpt: starting again from the last checkpoint, 1 of 1\n" in err
    assert "BAD TERMINATION" not in err
    assert "# 2 workers, 1 threads each; a step: " in out
    assert re.search(r"\nof these, by the first worker: computing [\d.]+ s, waiting ", out)
    assert out.count("best validation loss") == alone.out.count("best validation loss") == 1
    for name in ("last", "best"):
        assert saved(tmp_path / "run" / name) == saved(tmp_path / "whole" / name)


def test_a_mistake_is_one_line(python: Callable[..., Any]) -> None:
    result = python("-m", "pygpt", "launch", "-n", "2", "train", "makemore", "--microbatches", "3")
    assert result.returncode == 2
    (said,) = re.findall(r"^pygpt: .*$", result.stderr, re.MULTILINE)
    expected = "error: --microbatches: expected a power of two, at most the 32 sequences"
    assert re.match(rf"pygpt: rank \d \(\S+\): {expected}", said)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", "3", "train", "makemore"], "-n: expected a power of two, got 3"),
        (["-n", "2"], "command: expected one of train, finetune, names, got none"),
        (["-n", "2", "info", "x"], "command: expected one of train, finetune, names, got info"),
        (["-n", "2", "--max-restarts", "-1", "train"], "--max-restarts: expected at least 0"),
        (["-n", "2", "--mpiexec", "/bin/echo", "train"], "mpiexec: expected that of MPICH"),
    ],
)
def test_launches_that_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["launch", *words]) == 2
    assert message in capsys.readouterr().err


def test_commands_of_mpiexec() -> None:
    hydra, open_mpi = Launcher("mpiexec", "MPICH"), Launcher("mpiexec", "Open MPI")
    assert hydra.command(4, [], None, ["a"]) == ["mpiexec", "-n", "4", "a"]
    assert hydra.command(4, ["x", "y"], "to", ["a"]) == [
        "mpiexec", "-launcher", "ssh", "-launcher-exec", "to", "-hosts", "x:2,y:2",
        "-n", "4", "a",
    ]  # fmt: skip
    assert open_mpi.command(4, ["x", "y"], "to", ["a"]) == [
        "mpiexec", "--prtemca", "plm_ssh_agent", "to", "--host", "x:2,y:2", "--map-by",
        ":OVERSUBSCRIBE", "--bind-to", "none", "-n", "4", "a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epilogue", "reason"),
    [
        (
            ["prterun noticed that process rank 1 with PID 12 on node v exited on", "signal 9"],
            "rank 1 (vm:12): was ended by SIGKILL",
        ),
        (
            ["prterun detected that", "   Process name: [prterun-vm-1@1,0]", "   Exit code:    3"],
            "rank 0 (vm:11): was ended with status 3",
        ),
        (["BAD TERMINATION"], "mpiexec ended with status 5: BAD TERMINATION"),
    ],
)
def test_who_was_killed(epilogue: list[str], reason: str) -> None:
    ended = Ended(5, roster={"0": "vm:11", "1": "vm:12"}, epilogue=epilogue)
    assert ended.reason() == reason
    assert ended.is_known == reason.startswith("rank")
    early = Ended(9).reason()
    assert early == "a worker ended before all had found each other, and mpiexec with status 9"
    ended = Ended(9, roster={"0": "vm:11", "1": "vm:12"}, first="0")
    assert ended.reason() == "rank 0 (vm:11): has ended without a word: killed, or out of memory"


@pytest.mark.parametrize(
    ("said", "starts", "status"),
    [
        ("pygpt: rank 1 (vm:12): JvmStartError: the JVM of /jdk does not start", 3, 1),
        ("pygpt: rank 1 (vm:12): has ended without a word: killed, or out of memory", 3, 1),
        ("", 3, 1),  # one that was killed before the workers had found each other
        ("pygpt: rank 1 (vm:12): error: --data: expected a folder", 1, 2),
        ("pygpt: error: mpi: expected mpi4py and an MPI", 1, 1),
    ],
)
def test_what_would_come_again_is_not_started_again(said: str, starts: int, status: int) -> None:
    ended = Ended(9, said, epilogue=["BAD TERMINATION"])
    started: list[bool] = []

    class Workers:
        def wait(self) -> Ended:
            return ended

    def start(goes_on: bool) -> Any:
        started.append(goes_on)
        return Workers()

    lines: list[str] = []
    assert launch.run(start, 2, lines.append) == status
    assert started == [False, True, True][:starts]
    again = [line for line in lines if line.startswith("starting again from the last checkpoint")]
    assert len(again) == starts - 1


def test_a_jvm_that_does_not_start_is_no_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = SimpleNamespace(rank=0, size=2, describe=lambda: "2 workers")

    def abort(problem: str, status: int = 1) -> None:
        raise SystemExit(f"{problem}, {status}")

    group.abort = abort
    monkeypatch.setattr("pygpt.engine.door.mpi_processes", lambda: 2)
    monkeypatch.setattr(import_module("pygpt.distributed.mpi"), "mpi", lambda: group)
    with pytest.raises(SystemExit, match=r"^JvmStartError: the JVM does not start, 1$"):
        with workers(), translated():
            raise jbridge.JvmStartError("the JVM does not\nstart")


def test_processes_of_launchers() -> None:
    assert mpi.processes({"PMI_SIZE": "4"}) == 4
    assert mpi.processes({"OMPI_COMM_WORLD_SIZE": "2"}) == 2
    assert mpi.processes({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "1"}) == 8
    assert mpi.processes({"SLURM_NTASKS": "8"}) == 0  # a batch script, not one of srun's


def test_torch_without_a_process_group_is_refused() -> None:
    with pytest.raises(ConfigError, match="torch: expected"):
        pygpt.distributed.torch()
