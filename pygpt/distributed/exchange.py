"""Flat arrays of all workers, summed and gathered by parts, along a tree; also as bfloat16."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pygpt.distributed.group import Group

CHUNK = 1 << 20  # numbers of a worker's part that are exchanged at once
_BLOCK = 1 << 15  # numbers that are rounded at once
_TRIALS, _CHUNKS = 3, 4  # of a worker's part that are timed: more than a cache holds


class Exchange:
    """Mutable: sums and gathers flat arrays of all workers, by parts.

    Args:
        bounds: where the part of each worker begins, and the end of all.
        rounded: whether numbers travel as bfloat16, which they must be.
    """

    def __init__(self, group: Group, bounds: Sequence[int], rounded: bool) -> None:
        self._group, self._bounds, self._rounded = group, bounds, rounded
        parts = zip(bounds, bounds[1:], strict=False)
        self._lengths = [end - first for first, end in parts]
        self._kept: dict[str, NDArray[Any]] = {}

    @property
    def calls(self) -> int:
        """Of the group, by a sum and a gather."""
        return 2 * len(range(0, max(self._lengths), CHUNK))

    def _chunks(self) -> list[tuple[list[int], list[int]]]:
        """Return the places and the lengths of all parts, for one chunk after another."""
        return [
            (
                [first + min(begin, length) for first, length in self._parts()],
                [min(CHUNK, max(0, length - begin)) for length in self._lengths],
            )
            for begin in range(0, max(self._lengths), CHUNK)
        ]

    def _parts(self) -> list[tuple[int, int]]:
        return list(zip(self._bounds, self._lengths, strict=False))

    def sum(self, flat: NDArray[Any]) -> None:
        """Add what all workers have of this worker's part, along the tree; it stays in its place.

        What else is in the array is undefined then.
        """
        group = self._group
        for places, counts in self._chunks():
            mine = counts[group.rank]
            sent, at = flat, places
            if self._rounded:
                sent, at = self._room("sent", sum(counts), np.uint16), _starts(counts)
                for place, start, count in zip(places, at, counts, strict=True):
                    narrow(flat[place : place + count], sent[start : start + count])
            inbox = self._room("inbox", group.size * mine, sent.dtype)
            group.alltoall(sent, at, counts, inbox, [mine] * group.size)
            if self._rounded:
                inbox = widen(inbox, self._room("wide", len(inbox), flat.dtype))
            rows = inbox.reshape(group.size, mine)
            distance = 1
            while distance < group.size:
                for left in range(0, group.size, 2 * distance):
                    _add(rows[left], rows[left + distance], self._rounded)
                distance *= 2
            flat[places[group.rank] : places[group.rank] + mine] = rows[0]

    def gather(self, flat: NDArray[Any]) -> None:
        """Give every worker the parts of all."""
        group = self._group
        for places, counts in self._chunks():
            if not self._rounded:
                group.allgather(flat, places, counts)
                continue
            packed, at = self._room("sent", sum(counts), np.uint16), _starts(counts)
            parts = [
                (flat[place : place + count], packed[start : start + count])
                for place, start, count in zip(places, at, counts, strict=True)
            ]
            narrow(*parts[group.rank])
            group.allgather(packed, at, counts)
            for whole, bits in parts:
                widen(bits, whole)

    def _room(self, name: str, length: int, dtype: Any) -> NDArray[Any]:
        """Return an array whose numbers are undefined; the next one of this name is the same."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < length:
            kept = self._kept[name] = np.empty(length, dtype)
        return kept[:length]


def _starts(counts: Sequence[int]) -> list[int]:
    """Return where each part begins if they stand one after another."""
    return [int(end) - count for end, count in zip(np.cumsum(counts), counts, strict=True)]


def _add(left: NDArray[Any], right: NDArray[Any], rounded: bool) -> None:
    """Add the right numbers to the left ones, which are then rounded to bfloat16, if wanted."""
    if not rounded:
        left += right
        return
    bits = np.empty(_BLOCK, np.uint16)
    for first in range(0, len(left), _BLOCK):
        part = left[first : first + _BLOCK]
        part += right[first : first + _BLOCK]
        widen(narrow(part, bits[: len(part)]), part)


def narrow(values: NDArray[Any], bits: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Write float32 numbers as the nearest bfloat16, ties to even; return those bits."""
    for first in range(0, len(values), _BLOCK):  # which stays in the cache
        whole = values[first : first + _BLOCK].view(np.uint32)
        moved = whole >> 16
        moved &= 1
        moved += 0x7FFF
        moved += whole
        moved >>= 16
        bits[first : first + _BLOCK] = moved
    return bits


def widen(bits: NDArray[np.uint16], values: NDArray[Any]) -> NDArray[Any]:
    """Write what bits of bfloat16 are as float32; return those numbers."""
    np.left_shift(bits, 16, out=values.view(np.uint32), dtype=np.uint32)
    return values


def narrowed(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return float32 numbers as the nearest bfloat16, ties to even; uint16, its bits."""
    return narrow(values, np.empty(len(values), np.uint16))


def widened(bits: NDArray[np.uint16]) -> NDArray[Any]:
    """Return what bits of bfloat16 are; float32."""
    return widen(bits, np.empty(len(bits), np.float32))


class Still:
    """Immutable: a group that moves nothing, to time what is done beside moving."""

    transport = "none"

    def __init__(self, group: Group) -> None:
        self.rank, self.size, self.local_size = group.rank, group.size, group.local_size

    def alltoall(
        self,
        send: NDArray[Any],
        places: Sequence[int],
        counts: Sequence[int],
        receive: NDArray[Any],
        received: Sequence[int],
    ) -> None:
        receive[:] = 0

    def allgather(
        self, array: NDArray[Any], places: Sequence[int], counts: Sequence[int]
    ) -> None: ...

    def broadcast(self, array: NDArray[Any]) -> None: ...

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        raise SystemExit(status)

    def close(self) -> None: ...


def work_s(group: Group, bounds: Sequence[int], rounded: bool, dtype: Any) -> float:
    """Return how long rounding and adding keep a processor in a sum and a gather, beside moving.

    Args:
        bounds, rounded: see `Exchange`.
    """
    if group.size == 1:
        return 0.0
    few = [min(bound, _CHUNKS * CHUNK * rank) for rank, bound in enumerate(bounds)]
    exchange = Exchange(Still(group), few, rounded)
    flat, times = np.ones(few[-1], dtype), []  # zeros would be no memory yet
    for _ in range(_TRIALS):
        began = time.thread_time()  # between transfers there is nobody else to wait for
        exchange.sum(flat)
        exchange.gather(flat)
        times.append(time.thread_time() - began)
    return min(times) * bounds[-1] / few[-1]
