"""Batches of sources and targets, padded to rows of one length and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ShapeError, TokenError
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig

Pair = tuple[Sequence[int], Sequence[int]]
"""Ids of a source, and of its target without what begins and ends it."""


class PairBatch(NamedTuple):
    """B pairs; rows are filled up with 0, which is not attended to, and -1, which is not scored.

    Attributes:
        sources: int32, (B, S).
        lengths: int32, (B,): how many ids of each source count.
        ids: int32, (B, T): what the decoder reads, from the token that begins a target on.
        targets: int32, (B, T): what follows each of them, the last what ends a target.
    """

    sources: NDArray[np.int32]
    lengths: NDArray[np.int32]
    ids: NDArray[np.int32]
    targets: NDArray[np.int32]

    @property
    def size(self) -> tuple[int, int, int]:
        """B, S and T."""
        return (*self.sources.shape, self.ids.shape[1])


def pair_batch(pairs: Iterable[Pair], bound: int) -> PairBatch:
    """Return a batch of pairs.

    Args:
        bound: the id that begins and ends a target.
    Raises:
        ShapeError: no pair, or a source without ids.
    """
    sources, targets = [], []
    for source, target in pairs:
        if not len(source):
            raise ShapeError("source: expected at least one token, got none")
        sources.append(source)
        targets.append(target)
    if not sources:
        raise ShapeError("pairs: expected at least one, got none")
    B, T = len(targets), 1 + max(map(len, targets))
    lengths = np.array([len(source) for source in sources], np.int32)
    batch = PairBatch(
        np.zeros((B, int(lengths.max())), np.int32),
        lengths,
        np.zeros((B, T), np.int32),
        np.full((B, T), -1, np.int32),
    )
    for b, (source, target) in enumerate(zip(sources, targets, strict=True)):
        batch.sources[b, : len(source)] = source
        batch.ids[b, : len(target) + 1] = [bound, *target]
        batch.targets[b, : len(target) + 1] = [*target, bound]
    return batch


def checked_pairs(batch: PairBatch, config: EncoderDecoderConfig) -> PairBatch:
    """Return a batch as the engine takes it.

    Raises:
        ShapeError: arrays that do not fit each other, or are too long for the model.
        TokenError: an id outside its vocabulary.
    """
    names = ("sources", "lengths", "ids", "targets")
    arrays = [np.asarray(array) for array in batch]
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind not in "iu":
            raise ShapeError(f"{name}: expected whole numbers, got {array.dtype}")
    sources, lengths, ids, targets = arrays
    shapes = f"{sources.shape}, {lengths.shape}, {ids.shape} and {targets.shape}"
    fits = sources.ndim == ids.ndim == 2 and ids.shape == targets.shape
    if not fits or not sources.size or not ids.size or lengths.shape != sources.shape[:1]:
        raise ShapeError(f"batch: expected (B, S), (B,), (B, T) and (B, T), got {shapes}")
    if len(ids) != len(sources):
        raise ShapeError(f"batch: expected as many sources as targets, got {shapes}")
    (S, T), (most_s, most_t) = (
        (sources.shape[1], ids.shape[1]),
        (config.source_block_size, config.target_block_size),
    )
    if S > most_s or T > most_t:
        expected = f"expected sources of up to {most_s} and targets of up to {most_t} tokens"
        raise ShapeError(f"batch: {expected}, got {S} and {T}")
    if lengths.min() < 1 or lengths.max() > S:
        raise ShapeError(f"lengths: expected 1 to {S}, got {lengths.min()} to {lengths.max()}")
    V = config.target_vocab_size
    limits = ((sources, 0, config.source_vocab_size), (ids, 0, V), (targets, -1, V))
    for name, (array, low, high) in zip(("sources", "ids", "targets"), limits, strict=True):
        if array.min() < low or array.max() >= high:
            wrong = array.min() if array.min() < low else array.max()
            raise TokenError(f"{name}: expected {low} to {high - 1}, got {wrong}")
    return PairBatch(*(array.astype(np.int32, copy=False) for array in arrays))
