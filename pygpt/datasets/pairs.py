"""Prompts and their answers: batches for fine-tuning, with the loss on the answers alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.readers import text_of
from pygpt.datasets.rows import SpanSampler
from pygpt.datasets.sampler import IGNORE_INDEX, Streams
from pygpt.datasets.sources import rows_of
from pygpt.datasets.validation import check_validation, choose, count_to_train
from pygpt.errors import ConfigError, DataError
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Pairs:
    """Immutable: prompts and answers as tokens, one pair after another.

    Attributes:
        name: of the file.
        ids: int32, (count,): prompt and answer, without the last token, which has no next one.
        targets: int32, (count,): the next token, if it is of the answer; else -1.
        starts: int64, (pairs + 1,): pair i is ids[starts[i]:starts[i + 1]].
    """

    name: str
    ids: NDArray[np.int32]
    targets: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def read(cls, path: str | os.PathLike[str], tokenizer: Tokenizer, block_size: int) -> Pairs:
        """Return the pairs of a file of rows, such as JSON-lines `{"prompt": "…", "answer": "…"}`.

        Prompt and answer are encoded each by itself, as they will be when the model is asked. BOS
        ends the answer, if there is one. A prompt that is too long loses its beginning.

        Args:
            block_size: the most ids of a pair.
        Raises:
            DataError: not readable, no pairs, a line without the two, or with one that is empty,
                or with an answer for which there is no room; the message has the line.
            TokenError: a character that the tokenizer lacks.
        """
        end = [] if tokenizer.bos is None else [tokenizer.bos]
        ids: list[NDArray[np.int32]] = []
        targets: list[NDArray[np.int32]] = []
        for where, values in rows_of(path):
            encoded: dict[str, list[int]] = {}
            for field in ("prompt", "answer"):
                encoded[field] = tokenizer.encode(text_of(values, field, where))
                if not encoded[field]:
                    raise DataError(f"{where}: {field}: expected text, got an empty one")
            prompt, answer = encoded["prompt"], encoded["answer"] + end
            if len(answer) > block_size:
                raise DataError(
                    f"{where}: answer: expected at most {block_size} tokens, the block_size, "
                    f"got {len(answer)}"
                )
            pair = np.array(prompt + answer, np.int32)
            ids.append(pair[:-1][-block_size:])
            scored = np.where(np.arange(1, len(pair)) >= len(prompt), pair[1:], IGNORE_INDEX)
            targets.append(scored.astype(np.int32)[-block_size:])
        if not ids:
            raise DataError(f"data file {path}: expected pairs, got none")
        starts = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        return cls(os.fspath(path), np.concatenate(ids), np.concatenate(targets), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def split(self, validation: float, seed: int = 42) -> tuple[Pairs, Pairs]:
        """Return the pairs to train on, and a seeded choice for validation; their order stays.

        Args:
            validation: the part that is for validation, rounded up.
        Raises:
            ConfigError: validation is not between 0 and 1.
            DataError: nothing is left to train on.
        """
        check_validation(validation)
        count = len(self)
        train = count_to_train(count, validation, "pairs", self.name)
        chosen = np.fromiter(choose(count, count - train, seed), np.bool_, count)
        return self._some(~chosen), self._some(chosen)

    def _some(self, chosen: NDArray[np.bool_]) -> Pairs:
        lengths = np.diff(self.starts)
        tokens = np.repeat(chosen, lengths)
        starts = np.cumsum([0, *lengths[chosen]], dtype=np.int64)
        return Pairs(self.name, self.ids[tokens], self.targets[tokens], starts)


class PairSampler(SpanSampler):
    """Mutable: rows of one pair each; see `SpanSampler`.

    Args:
        pairs: read for this block_size, or a smaller one.
        block_size, batch_size, seed: see `Sampler`.
    Raises:
        ConfigError: a pair is longer than block_size.
    """

    _KIND = "pairs"
    _PACKED = False

    def __init__(self, pairs: Pairs, block_size: int, batch_size: int, seed: int = 42) -> None:
        lengths = np.diff(pairs.starts)
        if lengths.max() > block_size:
            problem = f"expected at least {lengths.max()}, as the longest pair has"
            raise ConfigError("block_size", f"{problem}, got {block_size}")
        starts = pairs.starts[:-1]
        super().__init__(
            pairs.ids, pairs.targets, starts, lengths, block_size, batch_size, seed
        )


@dataclass(frozen=True, eq=False)
class PairDataset:
    """Immutable: pairs to train on, and pairs to validate with."""

    tokenizer: Tokenizer
    train: Pairs
    val: Pairs
    origin: Mapping[str, Any] | None = None  # see `Streams`

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        tokenizer: Tokenizer,
        block_size: int,
        validation: float = 0.1,
        seed: int = 42,
    ) -> PairDataset:
        """Return the pairs of a file, divided: see `Pairs.read` and `Pairs.split`."""
        pairs = Pairs.read(path, tokenizer, block_size)
        train, val = pairs.split(validation, seed)
        origin = {
            "fingerprint": fingerprint_of(train, val),
            "file": os.path.abspath(path),
            "validation": validation,
            "seed": seed,
            "reading": {},
        }
        return cls(tokenizer, train, val, origin)

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return both parts as batches, a row for each pair; see `TrainingData`."""
        sizes = (block_size, config.batch_size, config.seed)
        train, val = PairSampler(self.train, *sizes), PairSampler(self.val, *sizes)
        return Streams(train, val, origin=self.origin)


def fingerprint_of(*parts: Pairs) -> str:
    """Return the SHA-256, in hex, of what is in these pairs, and of how they are divided."""
    found = hashlib.sha256()
    for pairs in parts:
        for array in (pairs.starts, pairs.ids, pairs.targets):
            found.update(np.ascontiguousarray(array, "<i8").data)
    return found.hexdigest()
