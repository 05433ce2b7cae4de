"""A group of the processes that mpiexec or srun has started, by mpi4py."""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pygpt.distributed.beats import Beats
from pygpt.engine.door import prepare_mpi
from pygpt.errors import ConfigError

_TAG = 0
_FIRST_SPINS = 200
_PAUSE_S = 50e-6  # between two looks at a transfer: short beside what a socket's buffer takes
_LONGEST_PAUSE_S = 2e-3
_WAIT_S = 10.0  # before it is said whom the others wait for
_ABORT_S = 1.0  # for MPI to end all
_RANK_0_FIRST_S = 0.5  # where several workers fail, one of them says so

_SILENT = "no sign of life for some seconds: stopped, or cut off"


class MpiGroup:
    """Mutable: see `Group`; waits without blocking, so that a worker that is gone is noticed.

    Args:
        comm: mpi4py's communicator of the workers.
    """

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._comm = comm.Dup()
        self.rank, self.size = int(comm.Get_rank()), int(comm.Get_size())
        local = comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_size = int(local.Get_size())
        local.Free()
        self._closed = self._ending = False
        self._lock = threading.Lock()
        library = " ".join(MPI.Get_library_version().replace(",", " ").split())
        self.transport = _short(library)
        self.places: list[str] = []
        self._beats: Beats | None = None
        if self.size > 1:
            here = f"{socket.gethostname()}:{os.getpid()}"
            self.places = [str(place) for place in comm.allgather(here)]
            if MPI.Query_thread() == MPI.THREAD_MULTIPLE:
                self._beats = Beats(comm.Dup(), self._silent, self._has_ended)

    def describe(self) -> str:
        """Return who the workers are, in one line: `4 workers by MPICH 5.0.2: 0 host:4711, ...`."""
        names = ", ".join(f"{rank} {place}" for rank, place in enumerate(self.places))
        return f"{self.size} workers by {self.transport}: {names}"

    # ---- transfers -----------------------------------------------------------------------------

    def alltoall(
        self,
        send: NDArray[Any],
        places: Sequence[int],
        counts: Sequence[int],
        receive: NDArray[Any],
        received: Sequence[int],
    ) -> None:
        # not by Ialltoallv: MPICH's moves one small piece for each look at it
        at = np.cumsum([0, *received[:-1]]).tolist()
        others = [(self.rank + turn) % self.size for turn in range(1, self.size)]
        come = {rank: receive[at[rank] : at[rank] + received[rank]] for rank in others}
        gone = {rank: send[places[rank] : places[rank] + counts[rank]] for rank in others}
        transfers = [self._comm.Irecv(piece, rank, _TAG) for rank, piece in come.items()]
        transfers += [self._comm.Isend(piece, rank, _TAG) for rank, piece in gone.items()]
        own = send[places[self.rank] : places[self.rank] + counts[self.rank]]
        receive[at[self.rank] : at[self.rank] + len(own)] = own
        self._wait(*transfers)

    def allgather(
        self, array: NDArray[Any], places: Sequence[int], counts: Sequence[int]
    ) -> None:
        target = [array, (list(counts), list(places))]
        self._wait(self._comm.Iallgatherv(self._mpi.IN_PLACE, target))

    def broadcast(self, array: NDArray[Any]) -> None:
        for first in range(0, len(array), 1 << 24):
            self._wait(self._comm.Ibcast(array[first : first + (1 << 24)], 0))

    def _wait(self, *requests: Any) -> None:
        if self._beats is not None:
            self._beats.calls += 1
        spins, began, gap = 0, time.monotonic(), _WAIT_S
        while not self._mpi.Request.Testall(requests):
            spins += 1
            if spins < _FIRST_SPINS:
                time.sleep(0)
                continue
            waited = time.monotonic() - began
            time.sleep(min(_LONGEST_PAUSE_S, max(_PAUSE_S, waited / 500)))
            if self.rank == 0 and waited > gap:
                gap *= 2
                self._say_who_is_late(waited)

    def _say_who_is_late(self, seconds: float) -> None:
        behind = [] if self._beats is None else self._beats.behind()
        if behind:
            names = ", ".join(f"{rank} ({self.places[rank]})" for rank in behind)
            print(f"waiting for rank {names} … {seconds:.0f} s", file=sys.__stderr__, flush=True)

    # ---- ends ----------------------------------------------------------------------------------

    def _silent(self, ranks: Sequence[int]) -> None:
        names = ", ".join(f"{rank} ({self.places[rank]})" for rank in ranks)
        time.sleep(_RANK_0_FIRST_S * self.rank)
        ended = all(self._has_ended(rank) for rank in ranks)
        what = "has ended without a word: killed, or out of memory" if ended else _SILENT
        self._end(f"rank {names}: {what}", 1)

    def _has_ended(self, rank: int) -> bool:
        """Whether a worker of this machine is no process any more."""
        host, _, pid = self.places[rank].rpartition(":")
        if host != socket.gethostname():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        if self.rank:
            time.sleep(_RANK_0_FIRST_S)
        where = f" ({self.places[self.rank]})" if self.places else ""
        self._end(f"rank {self.rank}{where}: {problem}", status)

    def _end(self, line: str, status: int) -> NoReturn:
        with self._lock:  # the other thread may have begun, and ends this one
            stream = sys.__stderr__
            if stream is not None:
                print(f"pygpt: {line}", file=stream, flush=True)
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                # where MPI waits for who is gone: a thread that needs no lock of Python's
                faulthandler.dump_traceback_later(_ABORT_S, exit=True, file=nowhere)
                self._comm.Abort(status)
            os._exit(status)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wait(self._comm.Ibarrier())
        if self._beats is not None:
            self._beats.close()


def mpi() -> MpiGroup:
    """Return the group of all processes that mpiexec or srun has started with this one.

    From then on an exception that ends this process ends all of them.

    Raises:
        ConfigError: mpi4py is not installed, or finds no MPI.
    """
    prepare_mpi()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        problem = "expected mpi4py and an MPI: pip install 'pygpt[mpi]' mpich"
        raise ConfigError("mpi", f"{problem}; {error}") from error
    group = MpiGroup(MPI.COMM_WORLD)
    if group.size > 1:
        before = sys.excepthook

        def ended_by(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            before(kind, error, trace)
            group.abort(f"{kind.__name__}: {error}")

        sys.excepthook = ended_by
    return group


def _short(library: str) -> str:
    """Return name and version of an MPI: `MPICH 5.0.2`, `Open MPI 5.0.11`."""
    words = library.split()
    if words[:2] == ["Open", "MPI"]:
        return "Open MPI " + words[2].lstrip("v")
    if words[:1] == ["MPICH"]:
        return "MPICH " + next((word for word in words[1:] if word[:1].isdigit()), "")
    return " ".join(words[:4])
