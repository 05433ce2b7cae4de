"""Processes that mpiexec has started: which ended first, which is stopped, and who is named."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pygpt.distributed import launch, processes
from pygpt.distributed.launch import Launcher, Workers

SLEEPS = [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(60)"]


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [
        subprocess.Popen(SLEEPS, env={"PMI_RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(3)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_the_first_to_end_is_told_after_all_have_ended(
    sleepers: list[subprocess.Popen[bytes]],
) -> None:
    handles = [os.pidfd_open(process.pid) for process in sleepers]
    with processes.ends_of(handles) as ends:
        for rank in (1, 2, 0):
            sleepers[rank].kill()
            sleepers[rank].wait()
        told = [handles.index(handle) for handle, _ in ends.poll()]
    for handle in handles:
        os.close(handle)
    assert told == [1, 2, 0]


def test_ranks_and_stopped_processes(sleepers: list[subprocess.Popen[bytes]]) -> None:
    numbers = [process.pid for process in sleepers]
    assert set(numbers) <= {*processes.children(os.getpid())}
    assert [processes.rank_of(number) for number in numbers] == [0, 1, 2]
    os.kill(numbers[1], signal.SIGSTOP)
    os.waitid(os.P_PID, numbers[1], os.WSTOPPED | os.WNOWAIT)
    assert [processes.is_stopped(number) for number in numbers] == [False, True, False]
    gone = sleepers[2]
    gone.kill()
    gone.wait()
    assert processes.rank_of(gone.pid) is None and not processes.is_stopped(gone.pid)


def test_a_worker_that_is_stopped_before_the_others_know_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "SILENCE_S", 0.0)
    program = "import os, signal, time\n" + (
        "if os.environ['PMI_RANK'] == '1': os.kill(os.getpid(), signal.SIGSTOP)\n"
        f"open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close()\ntime.sleep(60)"
    )
    mpiexec = Launcher.find()
    command = mpiexec.command(2, [], None, [sys.executable, "-S", "-c", program])
    ended = Workers(command).wait()
    assert ended.status and ended.stopped is not None
    assert ended.reason() == f"{ended.stopped}: stopped before the workers had found each other"
    assert ended.stopped.startswith("rank 1 (")
    for path in tmp_path.iterdir():  # the other one has been killed, which takes its moment
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(int(path.name))
            assert select.select([handle], [], [], 30.0)[0] == [handle]
            os.close(handle)
