"""What a trainer needs of a dataset: batches to learn from, batches to validate with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pygpt.config import TrainConfig
from pygpt.tokenizers.protocol import Tokenizer

Batch = tuple[NDArray[np.int32], NDArray[np.int32]]
"""ids and targets, int32, (B, T); a target of -1 is not scored."""


class BatchSource(Protocol):
    """Mutable: an endless stream of batches that can be saved; see `pygpt.datasets`."""

    def __next__(self) -> Batch:
        """Return the next batch."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Return where the stream is, as values that JSON can hold."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where another stream of the same data was.

        Raises:
            DataError: the state is that of other data.
        """
        ...

    def eval_batches(self, count: int | None = None) -> Iterator[Batch]:
        """Yield batches to evaluate with, at most `count`: the same at each call."""
        ...


@dataclass(frozen=True)
class Streams:
    """Immutable: both parts of a dataset, as batches.

    Attributes:
        train: to learn from.
        validation: to evaluate with.
        bytes_per_token: of the text to validate with; None where that is not known.
    """

    train: BatchSource
    validation: BatchSource
    bytes_per_token: float | None = None


class TrainingData(Protocol):
    """Immutable: anything that a `Trainer` can learn from."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What the ids mean; it is saved with each checkpoint."""
        ...

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return new streams of batches (config.batch_size, block_size), seeded by config.seed."""
        ...
