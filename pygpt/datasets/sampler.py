"""What every sampler of batches can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, DataError

IGNORE_INDEX = -1
"""The target of a position that is not scored."""


class Batch(NamedTuple):
    """What a model reads and what it should say.

    Attributes:
        ids: int32, (B, T), C-contiguous; 0 where there is nothing.
        targets: int32, (B, T), C-contiguous; the id that comes next, or -1 where nothing is scored.
    """

    ids: NDArray[np.int32]
    targets: NDArray[np.int32]


class Sampler(ABC):
    """Mutable: an endless iterator of batches, in an order that a seed decides.

    It counts the units that it has given out, and a batch depends on nothing but that count and
    what does not change: so the count is all there is to save.

    Args:
        block_size: T, the tokens of a row.
        batch_size: B, the rows of a batch.
        seed: any whole number.
    Raises:
        ConfigError: a size less than 1.
    """

    _KIND: ClassVar[str]
    _size: int  # number of units; subclasses set it

    def __init__(self, block_size: int, batch_size: int, seed: int) -> None:
        for name, value in (("block_size", block_size), ("batch_size", batch_size)):
            if value < 1:
                raise ConfigError(name, f"expected at least 1, got {value}")
        self.block_size = block_size
        self.batch_size = batch_size
        self.seed = seed
        self._taken = 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    @abstractmethod
    def __next__(self) -> Batch:
        """Return the next batch; its arrays are new."""

    @abstractmethod
    def _batch(self, units: Iterator[int]) -> tuple[Batch, int]:
        """Return a batch of the first of these units, and how many of them it has: at least one."""

    def eval_batches(self, count: int | None = None) -> Iterator[Batch]:
        """Yield batches to evaluate with: the same at each call, whatever the seed and the state.

        No target comes twice, and what the last batch lacks is blank. Batches may differ in how
        many targets are scored: weigh their losses with that.

        Args:
            count: how many, at most, of units from all over the data; None for all of the data,
                in order.
        """
        order = np.arange(self._size) if count is None else shuffled(self._size, 0, 0)
        taken = made = 0
        while taken < self._size and made != count:
            batch, used = self._batch(iter(order[taken:]))
            yield batch
            taken += used
            made += 1

    def state(self) -> dict[str, str | int]:
        """Return where the sampler is, as values that JSON can hold."""
        return {
            "sampler": self._KIND,
            "size": self._size,
            "block_size": self.block_size,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "taken": self._taken,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where another sampler of the same data was: the next batch is its next one.

        Raises:
            DataError: the state is of another kind of sampler, or of other data, sizes or seed.
        """
        for name, expected in self.state().items():
            if name != "taken" and state.get(name) != expected:
                raise DataError(
                    f"sampler state: {name}: expected {expected!r}, got {state.get(name)!r}; "
                    "go on with what the run began with"
                )
        taken = state.get("taken")
        if type(taken) is not int or taken < 0:
            raise DataError(f"sampler state: taken: expected a count, got {taken!r}")
        self._taken = taken


def generator(seed: int, number: int) -> np.random.Generator:
    """Return a stream of random numbers: each pair of seed and number has one of its own."""
    entropy = np.random.SeedSequence(seed % 2**64, spawn_key=(number,))
    return np.random.Generator(np.random.PCG64(entropy))


def shuffled(size: int, seed: int, number: int) -> NDArray[np.int64]:
    """Return 0 to size - 1 in an order that the pair of seed and number decides; int64, (size,)."""
    return generator(seed, number).permutation(size)
