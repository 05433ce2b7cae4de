"""What a user gives as token ids, checked: batches as the engine takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.errors import ShapeError, TokenError
from pygpt.model.config import GPTConfig


def checked_ids(
    name: str,
    values: ArrayLike,
    config: GPTConfig,
    lowest: int = 0,
    longest: int | None = None,
) -> NDArray[np.int32]:
    """Return ids as int32, (B, T): those of the user, not copied, if they are such an array.

    Args:
        name: of the argument, for errors.
        values: whole numbers, (T,) or (B, T), each in [lowest, V).
        longest: largest T; by default block_size.
    Raises:
        ShapeError: no such array, or T is 0 or too large.
        TokenError: an id outside the vocabulary.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # rows of several lengths
        raise ShapeError(f"{name}: expected rows of one length, got {values!r:.60}") from None
    if array.size == 0:
        raise ShapeError(f"{name}: expected at least one token, got none")
    if array.dtype.kind not in "iu":
        raise ShapeError(f"{name}: expected whole numbers, got {array.dtype}")
    if array.ndim not in (1, 2):
        raise ShapeError(f"{name}: expected (T,) or (B, T), got {array.shape}")
    array = np.atleast_2d(array)
    limit = config.block_size if longest is None else longest
    if array.shape[1] > limit:
        raise ShapeError(f"{name}: expected T up to block_size = {limit}, got {array.shape}")
    low, high = int(array.min()), int(array.max())
    if low < lowest or high >= config.vocab_size:
        wrong = low if low < lowest else high
        last = config.vocab_size - 1
        raise TokenError(f"{name}: expected {lowest} to {last}, got {wrong}")
    return array.astype(np.int32, copy=False)


def checked_batch(
    config: GPTConfig, ids: ArrayLike, targets: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return ids and targets as int32, (B, T); a target of -1 is not scored.

    Raises:
        ShapeError, TokenError: see `checked_ids`; or the shapes differ.
    """
    tokens = checked_ids("ids", ids, config)
    wanted = checked_ids("targets", targets, config, lowest=-1)
    if np.shape(ids) != np.shape(targets):
        got = f"{np.shape(ids)} and {np.shape(targets)}"
        raise ShapeError(f"targets: expected the shape of ids, got {got}")
    return tokens, wanted
