"""Which part is for validation: the last of one text, a seeded choice of many documents."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from pygpt.errors import ConfigError, DataError


def check_validation(validation: float) -> None:
    """Raise a ConfigError if this is no part: not between 0 and 1."""
    if not 0 < validation < 1:
        raise ConfigError("validation", f"expected more than 0 and less than 1, got {validation}")


def count_to_train(count: int, validation: float, noun: str, name: str) -> int:
    """Return how many of `count` are left to train on: at least 1, and not all.

    Args:
        validation: the part that is for validation, rounded up.
        noun, name: what is counted and where it comes from, for the message of a `DataError`.
    """
    part = Decimal(str(validation))  # as it was written: in binary 1 - 0.9 is less than 0.1
    train = min(int(count * (1 - part)), count - 1)
    if train < 1:
        raise DataError(
            f"data {name}: expected {noun} enough to split, got {count}; a validation split of "
            f"{validation} leaves nothing to train on"
        )
    return train


def choose(count: int, wanted: int, seed: int) -> Iterator[bool]:
    """Yield for each of `count` whether it is one of the `wanted`: any choice is as likely.

    Algorithm S of Knuth, The Art of Computer Programming, 3.4.2.
    """
    rng = random.Random(seed)
    for left in range(count, 0, -1):
        chosen = rng.random() * left < wanted
        wanted -= chosen
        yield chosen
