"""The group of torch.distributed, on a torch that is played by threads: the tests need none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pygpt.distributed.exchange import Exchange
from pygpt.distributed.gloo import TorchGroup
from pygpt.distributed.group import gather_objects
from tests.support.thread_group import ThreadGroup, in_threads

Queues = dict[tuple[int, int], "SimpleQueue[np.ndarray]"]


class Played:
    """torch.distributed of one worker, as far as `TorchGroup` calls it."""

    def __init__(self, group: ThreadGroup, queues: Queues) -> None:
        self._group, self._queues = group, queues
        self.barriers = 0

    def get_rank(self) -> int:
        return self._group.rank

    def get_world_size(self) -> int:
        return self._group.size

    def get_backend(self) -> str:
        return "gloo"

    def all_gather_object(self, into: list[Any], value: Any) -> None:
        into[:] = self._group._everyone(value)

    def isend(self, tensor: np.ndarray, to: int) -> Any:
        assert tensor.flags.writeable and tensor.size  # torch warns, or sends nothing
        self._queues[self._group.rank, to].put(tensor.copy())
        return SimpleNamespace(wait=lambda: None)

    def irecv(self, tensor: np.ndarray, source: int) -> Any:
        def wait() -> None:
            tensor[:] = self._queues[source, self._group.rank].get(timeout=60)

        return SimpleNamespace(wait=wait)

    def broadcast(self, tensor: np.ndarray, source: int) -> None:
        tensor[:] = self._group._everyone(tensor.copy())[source]

    def barrier(self) -> None:
        self.barriers += 1


@pytest.fixture
def each(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Run a function as each of so many workers: `each(size, work)`."""
    torch = SimpleNamespace(__version__="2.15", from_numpy=lambda array: array)
    monkeypatch.setitem(sys.modules, "torch", torch)

    def run(size: int, work: Callable[[TorchGroup], Any]) -> list[Any]:
        queues: Queues = {(a, b): SimpleQueue() for a in range(size) for b in range(size)}
        return in_threads(size, lambda group: work(TorchGroup(Played(group, queues))))

    return run


def test_calls(each: Callable[..., list[Any]]) -> None:
    def work(group: TorchGroup) -> Any:
        numbers = np.zeros(5)
        numbers[2 * group.rank : 2 + 3 * group.rank] = group.rank + 1
        group.allgather(numbers, [0, 2], [2, 3])
        mine = np.array([10.0, 11, 12]) + 10 * group.rank
        got = np.zeros(2 + 2 * group.rank)
        group.alltoall(mine, [0, 1], [1, 2], got, [1 + group.rank] * 2)
        group.broadcast(mine)
        return numbers.tolist(), got.tolist(), mine.tolist(), group.local_size, group.transport

    first, second = each(2, work)
    assert first == ([1, 1, 2, 2, 2], [10, 20], [10, 11, 12], 2, "torch 2.15, gloo")
    assert second == ([1, 1, 2, 2, 2], [11, 12, 21, 22], [10, 11, 12], 2, "torch 2.15, gloo")


def test_sums_along_the_tree_and_ends(each: Callable[..., list[Any]]) -> None:
    flats = np.random.default_rng(1).standard_normal((4, 50)).astype(np.float32)

    def work(group: TorchGroup) -> Any:
        flat = flats[group.rank].copy()
        exchange = Exchange(group, [0, 16, 32, 32, 50], False)  # one has nothing
        exchange.sum(flat)
        exchange.gather(flat)
        ranks = gather_objects(group, group.rank)
        group.close()
        group.close()
        return flat, ranks, group._dist.barriers

    expected = (flats[0] + flats[1]) + (flats[2] + flats[3])
    for flat, ranks, barriers in each(4, work):
        np.testing.assert_array_equal(flat, expected)
        assert (ranks, barriers) == ([0, 1, 2, 3], 1)
