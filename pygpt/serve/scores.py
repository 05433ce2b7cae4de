"""What the model gives each token of a prompt."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.model.gpt import GPT

ROWS = 32  # of logits that are looked at together


class Scores(NamedTuple):
    """Of each token but the first.

    Attributes:
        log_probabilities: float64, (T - 1,), in nats.
        top_ids: int64, (T - 1, count): the likeliest in its place, likeliest first.
        top_log_probabilities: float64, (T - 1, count).
    """

    log_probabilities: NDArray[np.float64]
    top_ids: NDArray[np.int64]
    top_log_probabilities: NDArray[np.float64]


def prompt_scores(model: GPT, ids: NDArray[np.int32], count: int) -> Scores:
    """Return what the model gives each token of a prompt after those before it.

    Args:
        ids: int32, (T,), each in [0, V), T up to block_size + 1.
        count: how many of the likeliest tokens, up to V.
    """
    if len(ids) < 2:
        return Scores(np.empty(0), np.empty((0, count), np.int64), np.empty((0, count)))
    logits = model.logits(ids[:-1])[0]  # (T - 1, V)
    parts = [
        _scored(logits[first : first + ROWS], ids[1 + first : 1 + first + ROWS], count)
        for first in range(0, len(logits), ROWS)
    ]
    return Scores(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _scored(logits: NDArray[Any], targets: NDArray[np.int32], count: int) -> Scores:
    wide = logits.astype(np.float64)  # (rows, V)
    largest = wide.max(axis=1, keepdims=True)
    wide -= largest + np.log(np.exp(wide - largest).sum(axis=1, keepdims=True))
    rows = np.arange(len(wide))
    if not count:
        empty = np.empty((len(wide), 0))
        return Scores(wide[rows, targets], empty.astype(np.int64), empty)
    top = np.argpartition(-wide, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(wide, top, axis=1)
    order = np.lexsort((top, -values), axis=1)  # the lowest ids first among equals
    top = np.take_along_axis(top, order, axis=1)
    return Scores(wide[rows, targets], top, np.take_along_axis(wide, top, axis=1))
