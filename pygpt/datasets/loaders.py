"""What a trainer needs of data: batches to learn from, batches to validate with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pygpt.datasets.sampler import Batch
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import TrainConfig


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
    """

    train: BatchSource
    validation: BatchSource
    bytes_per_token: float | None = None


class TrainingData(Protocol):
    """Immutable: anything that a `Trainer` can learn from."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What the ids mean; it is saved with each checkpoint."""

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return new streams of batches (config.batch_size, block_size), seeded by config.seed."""
