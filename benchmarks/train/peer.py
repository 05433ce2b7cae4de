"""The driver's end of a worker: a process that computes only while it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.train.side import UnavailableError
from benchmarks.train.workload import Workload

ROOT = Path(__file__).resolve().parents[2]

# Some machines set these for an old OpenBLAS, and they slow a current one.
OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

# PyTorch takes memory for each activation and gives it back. With these, glibc keeps it instead of
# returning it to the system, which would zero it again on the next step: 10 % and more on GPT-2.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**40)}


class WorkerError(Exception):
    """A worker that ended; the message has the last line that it wrote."""


@dataclass(frozen=True)
class Steps:
    """What some steps in a row took and gave, one number each.

    Attributes:
        step_s: seconds, from token ids to updated weights and a loss that was read.
        losses: mean nats per token.
        grad_norms: of the whole gradient, before clipping.
    """

    step_s: list[float]
    losses: list[float]
    grad_norms: list[float]


class Peer:
    """Mutable: one side on one workload. Use it in a `with` block: it owns the process.

    Args:
        side: name of the side.
        label: what to call it in messages.
        scratch: a folder for the worker's stderr and for what torch.compile keeps.
    Raises:
        UnavailableError: this machine lacks what the side needs.
        WorkerError: it ended before it was ready.
    """

    def __init__(self, side: str, label: str, work: Workload, threads: int, scratch: Path) -> None:
        self.label = label
        self._stderr = tempfile.TemporaryFile("w+", dir=scratch)  # noqa: SIM115
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.train.worker", side, work.name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=ROOT,
            env=environment(side, threads, scratch),
        )
        try:
            first = self._answer()
            if "unavailable" in first:
                raise UnavailableError(first["unavailable"])
        except BaseException:
            self.close()
            raise
        self.start_s = time.perf_counter() - began
        self.description = str(first["ready"])
        self._idle_s = self._idle_cpu_s = 0.0
        self._turn_ended = time.perf_counter(), self._cpu_s()

    def run(self, steps: int) -> Steps:
        """Take steps, and wait for their end."""
        return Steps(**self._turn({"run": steps}))

    def weight_norms(self) -> dict[str, float]:
        """Return the norm of every weight as it is now."""
        return self._turn({"weight_norms": {}})

    @property
    def idle_cpu(self) -> float:
        """Processor time that it used between its turns, as a part of the time between them."""
        return self._idle_cpu_s / max(self._idle_s, 1e-9)

    def _turn(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask, and account for the time since the last answer, when it was to do nothing."""
        self._idle_s += time.perf_counter() - self._turn_ended[0]
        self._idle_cpu_s += self._cpu_s() - self._turn_ended[1]
        answer = self._ask(question)
        self._turn_ended = time.perf_counter(), self._cpu_s()
        return answer

    @property
    def peak_bytes(self) -> int:
        """The most memory that was resident until now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def _cpu_s(self) -> float:
        """Seconds of processor time that all threads of the process have used."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()  # the name in brackets may have spaces
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it ended: the answer says how
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self._process.wait()
        self._stderr.seek(0)
        written = self._stderr.read().strip() or "(nothing on stderr)"
        raise WorkerError(
            f"{self.label}: its process ended with status {status}: {written.splitlines()[-1]}"
        )

    def close(self) -> None:
        """End the process: it ends by itself when its questions do."""
        with self._process, self._stderr:
            pass

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def environment(side: str, threads: int, scratch: Path) -> dict[str, str]:
    """Return the variables of a worker: pygpt's are the user's, PyTorch gets what helps it."""
    variables = dict(os.environ)
    if side == "pygpt":
        return variables
    for name in OPENBLAS:
        variables.pop(name, None)
    # torch.compile's cache of an earlier run would hide what a first step costs.
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(scratch / "torchinductor")}
    return variables | {"OMP_NUM_THREADS": str(threads)} | KEEP_MEMORY | cache
