"""Prompts and their answers: batches for fine-tuning, with the loss on the answers alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.conversations import conversation_of
from pygpt.datasets.rows import SpanSampler
from pygpt.datasets.sampler import IGNORE_INDEX, Streams
from pygpt.datasets.sources import rows_of
from pygpt.datasets.validation import check_validation, choose, count_to_train
from pygpt.errors import ConfigError, DataError, TokenError
from pygpt.tokenizers.chat_template import ChatForm
from pygpt.tokenizers.protocol import Tokenizer, end_markers
from pygpt.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Pairs:
    """Immutable: prompts and answers as tokens, one pair, or conversation, after another.

    Attributes:
        name: of the file.
        ids: int32, (count,): prompt and answer, without the last token, which has no next one.
        targets: int32, (count,): the next token, if it is of an answer; else -1.
        starts: int64, (pairs + 1,): pair i is ids[starts[i]:starts[i + 1]].
        notes: what was cut or left out while they were read, a line each.
    """

    name: str
    ids: NDArray[np.int32]
    targets: NDArray[np.int32]
    starts: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        tokenizer: Tokenizer,
        block_size: int,
        *,
        form: ChatForm | None = None,
        prompt_field: str | None = None,
        answer_field: str | None = None,
        skip: bool = False,
        encoding: str = "",
    ) -> Pairs:
        """Return the pairs or conversations of a file; see `conversations.py` for their shapes.

        By default prompt and answer are encoded each by itself, as they will be when the model is
        asked, and what ends a text ends the answer, if there is such. A prompt that is too long
        loses its beginning, and a conversation its first messages.

        Args:
            block_size: the most ids of a pair.
            form: how the model reads a conversation; by default pygpt's own form.
            prompt_field, answer_field: the fields that have them, where they are not found.
            skip: whether to leave out rows that do not fit; else one ends it.
            encoding: of a file without a byte order mark, by Python's name; UTF-8 if empty.
        Raises:
            DataError: not readable, no pairs, a row without the two, or with one that is empty, or
                with an answer for which there is no room; the message has the line.
            TokenError: a character that the tokenizer lacks, or a template that refuses a row.
        """
        form = ChatForm(tokenizer) if form is None else form
        rows = _Rows(form, block_size, end_markers(tokenizer) if form.is_plain else ())
        for where, values in rows_of(path, encoding=encoding):
            try:
                rows.add(conversation_of(values, where, prompt_field, answer_field), where)
            except (DataError, TokenError) as error:
                rows.refused.append(error)
        if rows.refused and not skip:
            raise rows.refusal()
        if not rows.ids:
            raise DataError(f"data file {path}: expected pairs, got none{rows.why()}")
        starts = np.cumsum([0, *map(len, rows.ids)], dtype=np.int64)
        ids, targets = np.concatenate(rows.ids), np.concatenate(rows.targets)
        return cls(os.fspath(path), ids, targets, starts, rows.notes())

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
        return Pairs(self.name, self.ids[tokens], self.targets[tokens], starts, self.notes)


class _Rows:
    """Mutable: conversations as they are read, and what did not fit."""

    def __init__(self, form: ChatForm, block_size: int, markers: tuple[str, ...]) -> None:
        self._form, self._block_size, self._markers = form, block_size, markers
        self.ids: list[NDArray[np.int32]] = []
        self.targets: list[NDArray[np.int32]] = []
        self.refused: list[DataError | TokenError] = []
        self._cut = self._marked = 0
        self._first_cut = self._first_marked = ""

    def add(self, messages: list[dict[str, str]], where: str) -> None:
        try:
            found = self._form.scored(messages)
        except TokenError as error:
            raise TokenError(f"{where}: {error}") from error
        size = self._block_size
        if found.answer > size:
            raise DataError(
                f"{where}: answer: expected at most {size} tokens, the block_size, "
                f"got {found.answer}"
            )
        texts = [message["content"] for message in messages]
        if any(marker in text for marker in self._markers for text in texts):
            self._marked += 1
            self._first_marked = self._first_marked or where
        ids = np.array(found.ids, np.int32)
        scored = np.where(found.scored[1:], ids[1:], IGNORE_INDEX).astype(np.int32)
        if len(scored) > size:
            self._cut += 1
            self._first_cut = self._first_cut or where
        self.ids.append(ids[:-1][-size:])
        self.targets.append(scored[-size:])

    def refusal(self) -> DataError | TokenError:
        """Return the first error, with the number of others."""
        first, others = self.refused[0], len(self.refused) - 1
        if not others:
            return first
        more = f"{others} more of {self._count()} do not fit either; --skip leaves them out"
        return type(first)(f"{first}; {more}")

    def why(self) -> str:
        return f"; {self.refused[0]}" if self.refused else ""

    def notes(self) -> tuple[str, ...]:
        """Return a line for what was left out, and one for what was cut."""
        notes = []
        if self.refused:
            left = f"left out {len(self.refused)} of {self._count()} pairs that do not fit"
            notes.append(f"{left}, the first: {self.refused[0]}")
        if self._cut:
            cut = f"{self._cut} of {len(self.ids)} prompts are longer than the context has room for"
            notes.append(f"{cut} and lose their beginning, the first: {self._first_cut}")
        if self._marked:
            marker = " or ".join(self._markers)
            has = f"{self._marked} of {len(self.ids)} pairs have {marker} in their text, where it"
            notes.append(f"{has} is text like any other, the first: {self._first_marked}")
        return tuple(notes)

    def _count(self) -> int:
        return len(self.ids) + len(self.refused)


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
        *,
        form: ChatForm | None = None,
        prompt_field: str | None = None,
        answer_field: str | None = None,
        skip: bool = False,
        encoding: str = "",
    ) -> PairDataset:
        """Return the pairs of a file, divided: see `Pairs.read` and `Pairs.split`."""
        reading: dict[str, Any] = {
            "prompt_field": prompt_field,
            "answer_field": answer_field,
            "skip": skip,
            "encoding": encoding,
        }
        pairs = Pairs.read(path, tokenizer, block_size, form=form, **reading)
        train, val = pairs.split(validation, seed)
        origin = {
            "fingerprint": fingerprint_of(train, val),
            "file": os.path.abspath(path),
            "validation": validation,
            "seed": seed,
            "reading": {name: value for name, value in reading.items() if value},
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
