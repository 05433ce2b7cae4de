"""What a step of several workers costs: measured before the first, and a model for other sizes.

A worker sends (W - 1)/W of the gradient and gets as much, then the same of the weights. A step's
communication takes 2 (W - 1)/W n b / v + c t + a: n numbers of b bytes, v bytes/s that a worker
sends while all do, c calls of t without bytes, and a for rounding and adding what has come.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from pygpt.distributed.group import Group, gather

_LEAST_S = 0.3  # that a bandwidth is measured for
_LEAST_BYTES = 1 << 16
_LEAST_TIMES, _MOST_TIMES = 3, 100  # a packet that is lost makes a time long


@dataclass(frozen=True)
class Spent:
    """Immutable: what updates took one worker.

    Attributes:
        compute_s: forward, backward, and moving its part of the weights.
        waiting_s: for workers that computed longer.
        communication_s: of gradients and weights.
    """

    compute_s: float = 0.0
    waiting_s: float = 0.0
    communication_s: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.compute_s + other.compute_s,
            self.waiting_s + other.waiting_s,
            self.communication_s + other.communication_s,
        )

    def __str__(self) -> str:
        return (
            f"computing {self.compute_s:.2f} s, waiting {self.waiting_s:.2f} s, "
            f"communication {self.communication_s:.2f} s"
        )


@dataclass(frozen=True)
class Cost:
    """Immutable: what was measured, and what follows for a step.

    Attributes:
        workers: how many.
        numbers: of the gradient.
        item_bytes: of a number as it travels.
        bytes_per_s: that a worker sends to the others while all send.
        latency_s: of a call that moves next to nothing.
        calls: of the group in a step.
        compute_s: of a step's forward and backward by one worker; 0 if not measured.
        work_s: of rounding and adding in a step.
    """

    workers: int
    numbers: int
    item_bytes: int
    bytes_per_s: float
    latency_s: float
    calls: int = 4
    compute_s: float = 0.0
    work_s: float = 0.0

    @property
    def communication_s(self) -> float:
        """Of a step."""
        if self.workers == 1:
            return 0.0
        share = (self.workers - 1) / self.workers
        sent = 2 * share * self.numbers * self.item_bytes
        return sent / self.bytes_per_s + self.calls * self.latency_s + self.work_s

    def __str__(self) -> str:
        sending = f"{1e3 * self.communication_s:,.1f} ms communication"
        speed = f"{self.bytes_per_s / 1e9:.2f} GB/s, {1e6 * self.latency_s:,.0f} µs a call"
        computing = f"{1e3 * self.compute_s:,.1f} ms compute and " if self.compute_s else ""
        return f"a step: {computing}{sending} at {speed}"


def measure(
    group: Group,
    numbers: int,
    item_bytes: int,
    chunk: int,
    calls: int = 4,
    compute_s: float = 0.0,
    work_s: float = 0.0,
) -> Cost:
    """Return what a step will cost; all workers call it, and get the same.

    Pieces of a growing size are exchanged as a sum and a gather do, until that takes long enough;
    they are at most as large as those of a step.

    Args:
        chunk: numbers of a worker's part that a step exchanges at once.
        numbers, item_bytes, calls, compute_s, work_s: see `Cost`.
    """
    more = (calls, compute_s, work_s)
    if group.size == 1:
        return Cost(1, numbers, item_bytes, np.inf, 0.0, *more)
    latency = min(_seconds(group, _Pieces(group, 1)) for _ in range(10))
    limit = max(1, min(chunk, numbers // group.size) * item_bytes)
    pieces = _Pieces(group, min(_LEAST_BYTES, limit))
    while min(_seconds(group, pieces) for _ in range(2)) < _LEAST_S and pieces.length < limit:
        pieces = _Pieces(group, min(limit, 4 * pieces.length))
    times: list[float] = []
    while len(times) < _LEAST_TIMES or sum(times) < _LEAST_S and len(times) < _MOST_TIMES:
        times.append(_seconds(group, pieces))
    sent = 2 * (group.size - 1) * pieces.length
    speed = sent / max(1e-9, float(np.median(times)) - latency)
    return Cost(group.size, numbers, item_bytes, speed, latency / 2, *more)


class _Pieces:
    """Immutable: a piece of so many bytes for each worker, and one of each."""

    def __init__(self, group: Group, length: int) -> None:
        self.length = length
        self.places = [worker * length for worker in range(group.size)]
        self.counts = [length] * group.size
        self.mine, self.others = np.ones((2, group.size * length), np.uint8)  # memory by now


def _seconds(group: Group, pieces: _Pieces) -> float:
    """Return how long a sum's and a gather's transfers take: the slowest worker's time."""
    places, counts = pieces.places, pieces.counts
    gather(group, np.zeros(1))  # all begin together
    began = time.perf_counter()
    group.alltoall(pieces.mine, places, counts, pieces.others, counts)
    group.allgather(pieces.mine, places, counts)
    mine = time.perf_counter() - began
    return float(gather(group, np.array([mine])).max())
