"""Signs of life between workers: who is gone, stopped or cut off, and whom the others wait for.

A thread of each worker sends a small message to worker 0 every second, which sends one back. A
worker that is silent for `SILENCE_S` is named, and the run ends. That a worker computes for long,
or waits for another, makes no difference: its thread goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

EVERY_S, SILENCE_S, LOOK_S = 1.0, 6.0, 0.1
_TAG, _END = 1, -1


class Beats:
    """Mutable: the signs of life of one worker and of those it watches.

    Attributes:
        calls: how many calls of the group this worker has begun; the others learn of it.
        seen: rank -> how many those have begun, of whom this one watches.

    Args:
        comm: an mpi4py communicator that nothing else uses.
        on_silence: called with the ranks that are silent, by the thread.
        has_ended: whether the process of a rank is known to be gone.
    """

    def __init__(
        self,
        comm: Any,
        on_silence: Callable[[Sequence[int]], object],
        has_ended: Callable[[int], bool],
    ) -> None:
        self._comm, self._on_silence, self._has_ended = comm, on_silence, has_ended
        rank, size = comm.Get_rank(), comm.Get_size()
        self._others = list(range(1, size)) if rank == 0 else [0]
        self.calls = 0
        self.seen = dict.fromkeys(self._others, 0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="signs of life")
        self._thread.start()

    def _run(self) -> None:
        comm = self._comm
        inbox = {rank: np.zeros(1, np.int64) for rank in self._others}
        outbox = {rank: np.zeros(1, np.int64) for rank in self._others}
        receiving = {rank: comm.Irecv(inbox[rank], rank, _TAG) for rank in self._others}
        sending: dict[int, Any] = {}
        end = np.array([_END])
        now = sent = time.monotonic()
        heard = dict.fromkeys(self._others, now)
        sent -= EVERY_S
        while not self._ended.wait(LOOK_S):
            last, now = now, time.monotonic()
            if now - last > 2.0:  # this process was stopped, and knows nothing of the others
                heard = {rank: at + now - last for rank, at in heard.items()}
            for rank in self._others:
                while receiving[rank].Test():
                    heard[rank], self.seen[rank] = now, int(inbox[rank][0])
                    if self.seen[rank] == _END:
                        os._exit(1)
                    receiving[rank] = comm.Irecv(inbox[rank], rank, _TAG)
            if now - sent >= EVERY_S:
                sent = now
                for rank in self._others:
                    if rank not in sending or sending[rank].Test():
                        outbox[rank][0] = self.calls
                        sending[rank] = comm.Isend(outbox[rank], rank, _TAG)
            silent = [rank for rank in self._others if self._is_gone(rank, now - heard[rank])]
            if silent:
                for rank in set(self._others) - {*silent}:  # which have nothing to say then
                    sending[rank] = comm.Isend(end, rank, _TAG)
                self._on_silence(silent)
                return
        for request in receiving.values():
            request.Cancel()
            request.Wait()

    def _is_gone(self, rank: int, silent_s: float) -> bool:
        return silent_s > SILENCE_S or silent_s > 2 * EVERY_S and self._has_ended(rank)

    def behind(self) -> list[int]:
        """Return the ranks that have begun fewer calls than this one, as far as it is known."""
        return [rank for rank in self._others if self.seen[rank] < self.calls]

    def close(self) -> None:
        """End; all workers do so at about the same time."""
        self._ended.set()
        self._thread.join()
