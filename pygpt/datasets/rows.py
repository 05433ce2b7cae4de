"""Rows of whole documents: what packed documents and pairs share, and the packed ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.sampler import IGNORE_INDEX, Batch, Sampler, shuffled
from pygpt.errors import DataError

_CHUNK = 2**24  # tokens that are searched at once


class SpanSampler(Sampler):
    """Mutable: rows that are made of spans of a long row of ids and targets.

    Every span comes once in an epoch, in an order that the seed and the number of the epoch
    decide; a batch may end one epoch and begin the next. A span that is longer than a row is cut
    into parts of `block_size` and a rest, which go their own ways. What is left of a row is blank.

    Attributes:
        cut: how many spans are longer than a row.

    Args:
        ids: whole numbers, (count,).
        targets: whole numbers, (count,), what to say at each id; -1 where nothing is scored.
        starts: int64, (spans,), where each begins; not empty.
        lengths: int64, (spans,), each at least 1.
        block_size, batch_size, seed: see `Sampler`.
    """

    _PACKED: bool  # whether a row has as many spans as fit, or one

    def __init__(
        self,
        ids: NDArray[Any],
        targets: NDArray[Any],
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        block_size: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(block_size, batch_size, seed)
        self._ids, self._targets = ids, targets
        parts = -(-lengths // block_size)
        before = _count_up(parts) * block_size
        self._starts = np.repeat(starts, parts) + before
        self._lengths = np.minimum(np.repeat(lengths, parts) - before, block_size)
        self._size = len(self._starts)
        self.cut = int((parts > 1).sum())
        self._shortest = int(self._lengths.min())
        self._epoch, self._order = -1, starts  # the order of the spans in the newest epoch

    def _rows(self) -> int:
        tokens = int(self._lengths.sum())
        return -(-tokens // self.block_size) if self._PACKED else self._size

    def __next__(self) -> Batch:
        batch, used = self._batch(self._upcoming())
        self._taken += used
        return batch

    def _upcoming(self) -> Iterator[int]:
        """Yield the spans that come next, epoch after epoch."""
        epoch, position = divmod(self._taken, self._size)
        while True:
            if self._epoch != epoch:
                self._epoch, self._order = epoch, shuffled(self._size, self.seed, epoch)
            yield from self._order[position:]
            epoch, position = epoch + 1, 0

    def _batch(self, units: Iterator[int]) -> tuple[Batch, int]:
        B, T = self.batch_size, self.block_size
        free, open_rows = [T] * B, list(range(B))
        spans: list[int] = []
        places: list[int] = []
        for span in units:
            length = int(self._lengths[span])
            for row in open_rows:
                if free[row] >= length:
                    break  # the first that it fits in
            else:
                break
            spans.append(span)
            places.append((row + 1) * T - free[row])
            free[row] -= length
            if not self._PACKED or free[row] < self._shortest:
                open_rows.remove(row)
        lengths = self._lengths[spans]
        offsets = _count_up(lengths)
        source = np.repeat(self._starts[spans], lengths) + offsets
        place = np.repeat(places, lengths) + offsets
        batch = Batch(np.zeros((B, T), np.int32), np.full((B, T), IGNORE_INDEX, np.int32))
        batch.ids.reshape(-1)[place] = self._ids[source]
        batch.targets.reshape(-1)[place] = self._targets[source]
        return batch, len(spans)


def _count_up(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, … up to each of the lengths: of 3 and 2, it is 0 1 2 0 1."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


class PackedSampler(SpanSampler):
    """Mutable: rows of documents, each from its BOS to the one that ends it; see `SpanSampler`.

    A batch takes documents until one fits in none of its rows. Nothing keeps a document from
    seeing those before it in its row, as in GPT-2's training.

    Args:
        tokens: whole numbers, (count,), with BOS before, between and after the documents; such as
            `Dataset.train.tokens`.
        bos: its id; the tokenizer's.
        block_size, batch_size, seed: see `Sampler`.
        eos: the id that ends a document, where that is another one: then each has both.
    Raises:
        DataError: the tokens do not begin and end with BOS, or have nothing in between.
    """

    _KIND = "packed"
    _PACKED = True

    def __init__(
        self,
        tokens: NDArray[Any],
        bos: int | None,
        block_size: int,
        batch_size: int,
        seed: int = 42,
        eos: int | None = None,
    ) -> None:
        if eos is not None and eos != bos:
            begins, lengths = _between(tokens, bos, eos)
            super().__init__(tokens, tokens[1:], begins, lengths, block_size, batch_size, seed)
            return
        if bos is None or len(tokens) < 2 or not tokens[0] == tokens[-1] == bos:
            raise DataError(
                "tokens: expected documents with BOS at both ends, got one text; "
                "take a WindowSampler"
            )
        begins = _places(tokens, bos)
        lengths = np.diff(begins)  # of what has a target: BOS and the document
        super().__init__(tokens, tokens[1:], begins[:-1], lengths, block_size, batch_size, seed)


def _between(
    tokens: NDArray[Any], bos: int | None, eos: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each document begins, with its BOS, and how far it is to its EOS."""
    begins, ends = (_places(tokens, i) for i in (-1 if bos is None else bos, eos))
    paired = len(begins) == len(ends) > 0 and tokens[0] == bos and tokens[-1] == eos
    if not paired or (ends <= begins).any() or (begins[1:] != ends[:-1] + 1).any():
        raise DataError(
            "tokens: expected documents, each with BOS before and EOS after it, got one text; "
            "take a WindowSampler"
        )
    return begins, ends - begins


def _places(tokens: NDArray[Any], number: int) -> NDArray[np.int64]:
    """Return where an id stands."""
    chunks = range(0, len(tokens), _CHUNK)
    places = [np.flatnonzero(tokens[i : i + _CHUNK] == number) + i for i in chunks]
    return np.concatenate(places) if places else np.zeros(0, np.int64)
