"""The driver's end of a worker: a process that computes only while it is asked."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.harness.worker import UnavailableError

ROOT = Path(__file__).resolve().parents[2]

# Some machines set these for an old OpenBLAS, and they slow a current one. pygpt's processes run
# with them, as its user's would: ND4J has an old one.
OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

# PyTorch takes memory for each activation and gives it back. With these, glibc keeps it instead of
# returning it to the system, which would zero it again on the next step: 10 % and more on GPT-2.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**40)}


class WorkerError(Exception):
    """A side that raised, or ended; the message has the last line that it wrote."""


class Peer:
    """Mutable: a side. Use it in a `with` block: it owns the process.

    Args:
        label: what to call it in messages.
        make: "module:function" that makes the side in the worker, which has a `description`.
        arguments: of that function; they are pickled.
        environment: variables of the process, by default those of this one.
    Raises:
        UnavailableError: this machine lacks what the side needs.
        WorkerError: it failed, here and in `ask`.
    """

    def __init__(
        self,
        label: str,
        make: str,
        arguments: tuple[Any, ...],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.label = label
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.harness.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=ROOT,
            env=environment,
        )
        self._idle_s = self._idle_cpu_s = 0.0
        self._turn_ended = began, 0.0
        try:
            self.description = str(self.ask(make, *arguments))
        except BaseException:
            self.close()
            raise
        self.start_s = time.perf_counter() - began
        self._idle_s = self._idle_cpu_s = 0.0

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return what this method of the side returns."""
        self._idle_s += time.perf_counter() - self._turn_ended[0]
        self._idle_cpu_s += self._cpu_s() - self._turn_ended[1]
        assert self._process.stdin is not None
        try:
            pickle.dump((method, arguments), self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: the answer says how
        kind, value = self._answer()
        if kind == "unavailable":
            raise UnavailableError(value)
        if kind == "error":
            raise WorkerError(f"{self.label}: {value}")
        self._turn_ended = time.perf_counter(), self._cpu_s()
        return value

    def _answer(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        try:
            answer: tuple[str, Any] = pickle.load(self._process.stdout)
            return answer
        except EOFError:
            status = self._process.wait()
        self._stderr.seek(0)
        written = self._stderr.read().strip() or "(nothing on stderr)"
        raise WorkerError(
            f"{self.label}: its process ended with status {status}: {written.splitlines()[-1]}"
        )

    @property
    def idle_cpu(self) -> float:
        """Processor time that it used between its turns, as a part of the time between them."""
        return self._idle_cpu_s / max(self._idle_s, 1e-9)

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
    if side.startswith("pygpt"):
        return variables
    for name in OPENBLAS:
        variables.pop(name, None)
    # torch.compile's cache of an earlier run would hide what a first step costs.
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(scratch / "torchinductor")}
    return variables | {"OMP_NUM_THREADS": str(threads)} | KEEP_MEMORY | cache
