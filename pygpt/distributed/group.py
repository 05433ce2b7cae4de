"""What workers that train one model together can do, whatever carries their bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray


class Group(Protocol):
    """Mutable: the workers, each of which calls the same methods in the same order.

    Arrays are contiguous, of one dimension, and of the same dtype on all workers; places and counts
    are numbers of elements, one for each worker.

    Attributes:
        rank: number of this worker, from 0.
        size: how many workers there are.
        local_size: how many of them are on this machine.
        transport: what carries the bytes, in words.
    """

    rank: int
    size: int
    local_size: int
    transport: str

    def alltoall(
        self,
        send: NDArray[Any],
        places: Sequence[int],
        counts: Sequence[int],
        receive: NDArray[Any],
        received: Sequence[int],
    ) -> None:
        """Send a piece to every worker, and get one of each.

        Args:
            send: has the piece for worker w at `places[w]`, `counts[w]` long.
            receive: gets the pieces of all workers, one after another; `received[w]` is how long
                that of worker w is.
        """

    def allgather(
        self, array: NDArray[Any], places: Sequence[int], counts: Sequence[int]
    ) -> None:
        """Give every worker all pieces of an array, of which each has its own: in place."""

    def broadcast(self, array: NDArray[Any]) -> None:
        """Overwrite an array by that of worker 0."""

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        """End all workers with one line that names this one."""

    def close(self) -> None:
        """Wait until every worker is here, and leave; a second call does nothing."""


class Alone:
    """Immutable: a group of one."""

    rank, size, local_size = 0, 1, 1
    transport = "none"

    def alltoall(
        self,
        send: NDArray[Any],
        places: Sequence[int],
        counts: Sequence[int],
        receive: NDArray[Any],
        received: Sequence[int],
    ) -> None:
        receive[: received[0]] = send[places[0] : places[0] + counts[0]]

    def allgather(
        self, array: NDArray[Any], places: Sequence[int], counts: Sequence[int]
    ) -> None: ...

    def broadcast(self, array: NDArray[Any]) -> None: ...

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        raise SystemExit(status)

    def close(self) -> None: ...


# ---- made of these ---------------------------------------------------------------------------


def gather(group: Group, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers of all workers; float64, (workers, n), where each has n of them."""
    everyone = np.zeros((group.size, len(values)))
    everyone[group.rank] = values
    starts = [worker * len(values) for worker in range(group.size)]
    group.allgather(everyone.reshape(-1), starts, [len(values)] * group.size)
    return everyone


def gather_objects(group: Group, value: Any) -> list[Any]:
    """Return the values of all workers, each of which JSON can hold."""
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    lengths = [int(length) for length in gather(group, np.array([float(len(text))]))[:, 0]]
    ends = np.cumsum(lengths)
    starts = [int(end) - length for end, length in zip(ends, lengths, strict=True)]
    everyone = np.zeros(int(ends[-1]), np.uint8)
    everyone[starts[group.rank] : ends[group.rank]] = text
    group.allgather(everyone, starts, lengths)
    parts = zip(starts, ends, strict=True)
    return [json.loads(everyone[start:end].tobytes()) for start, end in parts]


def from_first(group: Group, value: Any) -> Any:
    """Return the value of worker 0, which JSON can hold; that of the others does not count."""
    return gather_objects(group, value if group.rank == 0 else None)[0]


def is_power_of_two(number: int) -> bool:
    """Whether a number is 1, 2, 4, ..."""
    return number > 0 and number & (number - 1) == 0
