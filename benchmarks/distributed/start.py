"""Starting workers for the benchmarks: by an mpiexec, by torchrun, or one alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.peer import ROOT, WorkerError
from pygpt.distributed.launch import Launcher
from pygpt.engine.door import environment_for_mpi

WORKER = ["-m", "benchmarks.distributed.worker"]
TRANSPORTS = ("mpi", "gloo", "none")


def command(transport: str, count: int, python: str, program: Sequence[str]) -> list[str]:
    """Return the command that starts a Python program as so many workers.

    Args:
        transport: `mpi`, by the mpiexec beside that Python; `gloo`; or `none`, one process.
        program: arguments of Python.
    """
    if transport == "mpi":
        launcher = Launcher.find(str(Path(python).parent / "mpiexec"))
        return launcher.command(count, [], None, [python, *program])
    if transport == "gloo":
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        return [python, *torchrun, *program]
    return [python, *program]


def run(
    transport: str, count: int, job: Mapping[str, Any], python: str = sys.executable
) -> dict[str, Any]:
    """Run a job by so many workers (see `worker.py`); return what worker 0 prints.

    Raises:
        WorkerError: it failed.
    """
    text = json.dumps({"transport": transport, **job})
    done = subprocess.run(
        command(transport, count, python, [*WORKER, text]),
        env=environment_for_mpi(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise WorkerError(f"{count} workers by {transport}: status {done.returncode}: {last}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
