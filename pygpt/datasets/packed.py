"""As many whole documents as fit in a row: batches of many short documents."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.rows import SpanSampler
from pygpt.errors import DataError

_CHUNK = 2**24  # tokens that are searched at once


class PackedSampler(SpanSampler):
    """Mutable: rows of documents, each from its BOS to the one that ends it; see `SpanSampler`.

    A batch takes documents until one fits in none of its rows. Nothing keeps a document from
    seeing those before it in its row, as in GPT-2's training.

    Args:
        tokens: whole numbers, (count,), with BOS before, between and after the documents; such as
            `Dataset.train.tokens`.
        bos: its id; the tokenizer's.
        block_size, batch_size, seed: see `Sampler`.
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
    ) -> None:
        if bos is None or len(tokens) < 2 or not tokens[0] == tokens[-1] == bos:
            raise DataError(
                "tokens: expected documents with BOS at both ends, got one text; "
                "take a WindowSampler"
            )
        chunks = range(0, len(tokens), _CHUNK)
        places = [np.flatnonzero(tokens[i : i + _CHUNK] == bos) + i for i in chunks]
        begins = np.concatenate(places)
        lengths = np.diff(begins)  # of what has a target: BOS and the document
        super().__init__(tokens, tokens[1:], begins[:-1], lengths, block_size, batch_size, seed)
