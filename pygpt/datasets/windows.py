"""Windows of tokens, wherever they begin: batches of one long text, as nanoGPT takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.sampler import IGNORE_INDEX, Batch, Sampler, generator
from pygpt.errors import DataError


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
