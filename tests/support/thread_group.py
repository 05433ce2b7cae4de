"""Workers that are threads of this process: what a group does, without anything that could fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

T = TypeVar("T")


class ThreadGroup:
    """Mutable: see `pygpt.distributed.group.Group`."""

    transport = "threads"

    def __init__(self, rank: int, size: int, shared: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size, self.local_size = rank, size, size
        self._shared, self._barrier = shared, barrier

    def _everyone(self, value: Any) -> list[Any]:
        self._shared[self.rank] = value
        self._barrier.wait(60)
        found = list(self._shared)
        self._barrier.wait(60)
        return found

    def alltoall(
        self,
        send: np.ndarray,
        places: Sequence[int],
        counts: Sequence[int],
        receive: np.ndarray,
        received: Sequence[int],
    ) -> None:
        pieces = [send[p : p + n].copy() for p, n in zip(places, counts, strict=True)]
        at = 0
        for theirs, length in zip(self._everyone(pieces), received, strict=True):
            assert len(theirs[self.rank]) == length
            receive[at : at + length] = theirs[self.rank]
            at += length

    def allgather(self, array: np.ndarray, places: Sequence[int], counts: Sequence[int]) -> None:
        mine = array[places[self.rank] : places[self.rank] + counts[self.rank]].copy()
        for place, count, piece in zip(places, counts, self._everyone(mine), strict=True):
            array[place : place + count] = piece

    def broadcast(self, array: np.ndarray) -> None:
        array[:] = self._everyone(array.copy())[0]

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        raise SystemExit(status)

    def close(self) -> None:
        self._barrier.wait(60)


def in_threads(size: int, work: Callable[[ThreadGroup], T]) -> list[T]:
    """Return what each of so many workers returns; raise what the first of them raises."""
    barrier, shared = threading.Barrier(size), [None] * size
    results: list[Any] = [None] * size
    failures: list[BaseException | None] = [None] * size

    def run(rank: int) -> None:
        try:
            results[rank] = work(ThreadGroup(rank, size, shared, barrier))
        except BaseException as error:
            failures[rank] = error
            if not isinstance(error, threading.BrokenBarrierError):
                barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    real = [e for e in failures if e and not isinstance(e, threading.BrokenBarrierError)]
    for failure in real or [e for e in failures if e]:
        raise failure
    return results
