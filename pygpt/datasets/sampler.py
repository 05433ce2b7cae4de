"""Batches of tokens: what a trainer asks of them, what every sampler can do, and windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, DataError
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import TrainConfig

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


class BatchSource(Protocol):
    """Mutable: an endless stream of batches whose place can be saved; every `Sampler` is one."""

    def __next__(self) -> Batch:
        """Return the next batch."""

    def state(self) -> Mapping[str, Any]:
        """Return where the stream is, as values that JSON can hold."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where another stream was; a `DataError` if that was one of other data."""

    def eval_batches(self, count: int | None = None) -> Iterator[Batch]:
        """Yield batches to evaluate with, at most `count`: the same at each call."""


@dataclass(frozen=True)
class Streams:
    """Immutable: both parts of a dataset, as batches.

    Attributes:
        bytes_per_token: of the text to validate with; None where that is not known.
        origin: what the data are, as values that JSON can hold: their `fingerprint` at least, which
            a run that goes on compares, and where they lie; None where that is not known.
    """

    train: BatchSource
    validation: BatchSource
    bytes_per_token: float | None = None
    origin: Mapping[str, Any] | None = None


class TrainingData(Protocol):
    """Immutable: anything that a `Trainer` can learn from."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What the ids mean; it is saved with each checkpoint."""

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return new streams of batches (config.batch_size, block_size), seeded by config.seed."""


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

    def eval_count(self, count: int | None = None) -> int:
        """Return how many batches `eval_batches` yields; of packed documents about how many."""
        found = -(-self._rows() // self.batch_size)
        return found if count is None else min(found, count)

    def _rows(self) -> int:
        """Return how many rows all of the data take; of packed documents at least as many."""
        return self._size

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


def numbered(
    source: BatchSource, count: int | None, show: Callable[[str], None]
) -> Iterator[Batch]:
    """Yield batches to evaluate with, each after `show` has said which one it is: `7 of 20`."""
    of = f" of {source.eval_count(count):,}" if isinstance(source, Sampler) else ""
    for number, batch in enumerate(source.eval_batches(count), start=1):
        show(f"{number:,}{of}")
        yield batch


def generator(seed: int, number: int) -> np.random.Generator:
    """Return a stream of random numbers: each pair of seed and number has one of its own."""
    entropy = np.random.SeedSequence(seed % 2**64, spawn_key=(number,))
    return np.random.Generator(np.random.PCG64(entropy))


def shuffled(size: int, seed: int, number: int) -> NDArray[np.int64]:
    """Return 0 to size - 1 in an order that the pair of seed and number decides; int64, (size,)."""
    return generator(seed, number).permutation(size)


class WindowSampler(Sampler):
    """Mutable: rows of `block_size` tokens that begin anywhere, each place as likely as another.

    `eval_batches` cuts the tokens into rows one after another, so that each is a target once, but
    for the first.

    Args:
        tokens: whole numbers, (count,); such as `Dataset.train.tokens`.
        block_size, batch_size, seed: see `Sampler`.
    Raises:
        DataError: not more tokens than `block_size`.
    """

    _KIND = "windows"

    def __init__(
        self, tokens: NDArray[Any], block_size: int, batch_size: int, seed: int = 42
    ) -> None:
        super().__init__(block_size, batch_size, seed)
        if len(tokens) <= block_size:
            raise DataError(
                f"tokens: expected more than block_size = {block_size}, got {len(tokens)}; "
                "take more text or a smaller block_size"
            )
        self._size = -(-(len(tokens) - 1) // block_size)
        self._tokens = tokens

    def __next__(self) -> Batch:
        rng = generator(self.seed, self._taken)
        self._taken += 1
        starts = rng.integers(0, len(self._tokens) - self.block_size, self.batch_size)
        return self._windows(starts.tolist())

    def _batch(self, units: Iterator[int]) -> tuple[Batch, int]:
        rows = list(islice(units, self.batch_size))
        return self._windows([row * self.block_size for row in rows]), len(rows)

    def _windows(self, starts: Iterable[int]) -> Batch:
        shape = (self.batch_size, self.block_size)
        batch = Batch(np.zeros(shape, np.int32), np.full(shape, IGNORE_INDEX, np.int32))
        for ids, targets, start in zip(*batch, starts, strict=False):
            window = self._tokens[start : start + self.block_size + 1]
            ids[: len(window) - 1] = window[:-1]
            targets[: len(window) - 1] = window[1:]
        return batch
