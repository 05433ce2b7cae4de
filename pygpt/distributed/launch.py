"""Starting workers by mpiexec, seeing how they end, and starting them again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pygpt.distributed.beats import SILENCE_S
from pygpt.distributed.processes import children, ends_of, is_stopped, rank_of
from pygpt.engine.door import environment_for_mpi
from pygpt.errors import ConfigError

_GRACE_S = 2.0  # for mpiexec to end after it is known why all do; Open MPI's takes longer
_OURS = re.compile(r"pygpt: (rank \d+|waiting|error|terminated|interrupted|warning)")
_ROSTER = re.compile(r"\d+ workers by .*?: (0 .*)")
_KILLED = (  # by Open MPI
    re.compile(r"rank (?P<rank>\d+) with PID (?P<pid>\d+) on node (?P<host>\S+)"),
    re.compile(r"[Pp]rocess name: \[.*,(?P<rank>\d+)\]"),
)
_SIGNAL = re.compile(r"(?:exited on\s+signal |[Ss]ignal: .*\()(\d+)")
_STATUS = re.compile(r"Exit code:\s+(\d+)")


@dataclass(frozen=True)
class Launcher:
    """Immutable: an mpiexec.

    Attributes:
        path: of the program.
        kind: `MPICH` (Intel MPI's is alike), or `Open MPI`.
    """

    path: str
    kind: str

    @classmethod
    def find(cls, path: str | None = None) -> Launcher:
        """Return the mpiexec beside this Python, or else that on PATH.

        Raises:
            ConfigError: there is none, or it is of another kind.
        """
        beside = Path(sys.executable).parent / "mpiexec"
        found = path or (str(beside) if beside.is_file() else shutil.which("mpiexec"))
        if found is None:
            problem = "expected mpiexec beside Python or on PATH, got none"
            raise ConfigError("mpiexec", f"{problem}: pip install mpich mpi4py")
        try:
            said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError("mpiexec", f"expected a program, got {found}: {error}") from error
        text = said.stdout + said.stderr
        if "HYDRA" in text or "Intel" in text:
            return cls(found, "MPICH")
        if "Open MPI" in text or "OpenRTE" in text or "prte" in text:
            return cls(found, "Open MPI")
        expected = "expected that of MPICH, Intel MPI or Open MPI"
        raise ConfigError("mpiexec", f"{expected}, got {found}; start workers by it directly")

    def command(
        self, count: int, hosts: Sequence[str], agent: str | None, program: Sequence[str]
    ) -> list[str]:
        """Return the command that starts a program `count` times.

        Args:
            hosts: names of machines, each of which gets an equal part; this one if empty.
            agent: what starts a program on another machine, in place of ssh.
        """
        each = -(-count // max(1, len(hosts)))
        if self.kind == "MPICH":
            slots = [f"{host}:{each}" for host in hosts]
            where = ["-hosts", ",".join(slots)] if hosts else []
            how = ["-launcher", "ssh", "-launcher-exec", agent] if agent else []
            return [self.path, *how, *where, "-n", str(count), *program]
        slots = [f"{host}:{each}" for host in hosts]
        where = ["--host", ",".join(slots)] if hosts else []
        how = ["--prtemca", "plm_ssh_agent", agent] if agent else []
        several = ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        return [self.path, *how, *where, *several, "-n", str(count), *program]


@dataclass
class Ended:
    """Mutable: how workers ended.

    Attributes:
        status: of mpiexec.
        said: what a worker has said about its end, or that of another.
        first: rank of the worker of this machine that has ended first; MPICH's mpiexec kills the
            others then, and names any of them.
        stopped: who of this machine was stopped before the workers had found each other.
        epilogue: what mpiexec has said.
    """

    status: int = 0
    said: str = ""
    first: str | None = None
    stopped: str | None = None
    roster: dict[str, str] = field(default_factory=dict)
    epilogue: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether a worker, or Open MPI's mpiexec, has said why all end."""
        text = "\n".join(self.epilogue)
        return bool(self.said) or any(pattern.search(text) for pattern in _KILLED)

    def reason(self) -> str:
        """Return which worker was killed or stopped, as far as mpiexec and this machine tell."""
        if self.stopped is not None:
            return f"{self.stopped}: stopped before the workers had found each other"
        text = "\n".join(self.epilogue)
        number = _SIGNAL.search(text)
        by = "" if number is None else f" by {signal.Signals(int(number[1])).name}"
        status = _STATUS.search(text)
        if status is not None:
            by = f" with status {status[1]}"
        for pattern in _KILLED:
            match = pattern.search(text)
            if match is None:
                continue
            place = f" ({self.roster[match['rank']]})" if match["rank"] in self.roster else ""
            return f"rank {match['rank']}{place}: was ended{by}"
        if self.first is not None:
            place = self.roster[self.first]
            what = "has ended without a word: killed, or out of memory"
            return f"rank {self.first} ({place}): {what}"
        said = f": {' '.join(self.epilogue)}" if any(self.epilogue) else ""
        if not self.roster:
            early = "a worker ended before all had found each other"
            return f"{early}, and mpiexec with status {self.status}{said}"
        return f"mpiexec ended with status {self.status}{said}"


class Workers:
    """Mutable: a run of mpiexec, whose stderr is passed on line by line.

    Args:
        command: of `Launcher.command`.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            env=environment_for_mpi(),
            start_new_session=True,  # so that Ctrl-C comes once, from here
            text=True,
            errors="replace",
        )
        self._ended = Ended()
        self._handles: dict[int, str] = {}  # of the workers of this machine -> their ranks
        self._stopped_at: dict[int, float] = {}  # processes -> when they were first seen so
        self._reader = threading.Thread(target=self._read, daemon=True, name="mpiexec's stderr")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            self._pass_on(stream)

    def _pass_on(self, stream: IO[str]) -> None:
        noise = False
        for line in stream:
            roster = _ROSTER.match(line)
            if roster is not None:
                entries = (entry.split(" ", 1) for entry in roster[1].split(", "))
                self._ended.roster = {rank: place.strip() for rank, place in entries}
                self._open()
                watch = threading.Thread(target=self._watch, daemon=True, name="worker's ends")
                if self._handles:
                    watch.start()
            if _OURS.match(line):
                if line.startswith(("pygpt: rank", "pygpt: error")):
                    self._ended.said = self._ended.said or line
                noise = False
            elif _is_epilogue(line):
                noise = True
            if noise:
                self._ended.epilogue.append(line.rstrip("\n"))
            else:
                print(line, end="", file=sys.stderr, flush=True)

    def _open(self) -> None:
        """Get handles of the workers of this machine, which stay theirs when they have ended."""
        for rank, place in self._ended.roster.items():
            host, _, pid = place.rpartition(":")
            if host == socket.gethostname() and hasattr(os, "pidfd_open"):
                with suppress(OSError):
                    self._handles[os.pidfd_open(int(pid))] = rank

    def _watch(self) -> None:
        """Note which worker of this machine ends first."""
        with ends_of(self._handles) as ends:
            self._ended.first = self._handles[ends.poll()[0][0]]

    def _note_stopped(self) -> None:
        """End all where a worker of this machine has been stopped for some seconds.

        Until the workers have found each other nobody else would: they wait for it within MPI.
        """
        stopped = {child for child in children(self._process.pid) if is_stopped(child)}
        now = time.monotonic()
        self._stopped_at = {child: self._stopped_at.get(child, now) for child in stopped}
        for child, since in self._stopped_at.items():
            rank = rank_of(child)
            if rank is not None and now - since > SILENCE_S:
                self._ended.stopped = f"rank {rank} ({socket.gethostname()}:{child})"
                self.signal(signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait until all workers have ended; those that cannot end are killed."""
        known_at = None
        while True:
            try:
                self._ended.status = self._process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                if not self._ended.roster and self._ended.stopped is None:
                    self._note_stopped()
                if self._ended.is_known:
                    known_at = known_at or time.monotonic()
                    if time.monotonic() - known_at > _GRACE_S:
                        self.signal(signal.SIGKILL)
        self._reader.join(2.0)
        for handle in self._handles:
            os.close(handle)
        return self._ended

    def signal(self, number: int) -> None:
        """Send a signal to mpiexec, which passes it on; SIGKILL to all that it has started here."""
        try:
            if number == signal.SIGKILL:
                for handle in self._handles:  # which Open MPI gives groups of their own
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(handle, number)
                for child in children(self._process.pid):  # that have not found each other yet
                    with suppress(ProcessLookupError):
                        os.kill(child, number)
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
        except ProcessLookupError:
            pass


def _is_epilogue(line: str) -> bool:
    """Whether mpiexec begins to say how a process ended."""
    words = ("=====", "-----", "[mpiexec@", "[proxy:", "Abort(", "application called MPI_Abort")
    return line.startswith(words) or "MPI_ABORT was invoked" in line or "PRTE has lost" in line


def run(
    start: Callable[[bool], Workers], max_restarts: int, say: Callable[[str], None]
) -> int:
    """Run workers to their end, and start them again where one has failed; return the status.

    What a worker refuses, it would refuse again: then they are not started again.

    Args:
        start: starts them; told whether they go on with a run.
        say: prints a line.
    """
    got: list[int] = []
    current: list[Workers] = []

    def forward(number: int, frame: object) -> None:
        got.append(number)
        for workers in current:
            workers.signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        for restarts in range(max_restarts + 1):
            current[:] = [start(restarts > 0)]
            ended = current[0].wait()
            if ended.status == 0:
                return 0
            if got:
                return 128 + got[0]
            if not ended.said:
                say(ended.reason())
            if ": error: " in ended.said:  # which would come again
                return 2 if ": error: --" in ended.said else 1
            if restarts == max_restarts:
                return 1
            say(f"starting again from the last checkpoint, {restarts + 1} of {max_restarts}")
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
