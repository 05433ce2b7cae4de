"""Whether the sides do the same work: logits, and greedy tokens as far as ties allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.check import DisagreementError

LOGITS = 1e-4  # of the largest: two float32 programs, sums in another order
ROUNDED = 0.05  # likewise where both sides of each product are rounded, to int8 or bfloat16
TABLE = 2e-3  # likewise where the activation is a table of float16 numbers, as llama.cpp's is


def compare_logits(
    name: str,
    got: NDArray[np.float32],
    expected: NDArray[np.float32],
    tolerance: float = LOGITS,
) -> float:
    """Return the largest difference of two (T, V), as a part of the largest logit.

    Raises:
        DisagreementError: it is above the tolerance.
    """
    apart = float(np.abs(got - expected).max() / np.abs(expected).max())
    if not apart <= tolerance:
        raise DisagreementError(
            f"{name}: expected the logits to differ by {tolerance:.0e} of the largest at most, got "
            f"{apart:.1e}"
        )
    return apart


def check_greedy(
    name: str,
    prompt: NDArray[np.int64],
    tokens: Sequence[int],
    logits: NDArray[np.float32],
    tolerance: float = LOGITS,
) -> None:
    """Pass if every token is the likeliest after those before it, or as good as that.

    Args:
        logits: (T, V) of the prompt and the tokens, computed without a cache.
        tolerance: how much less likely a token may be that is as good, as a part of the largest.
    Raises:
        DisagreementError: one is not.
    """
    slack = tolerance * float(np.abs(logits).max())
    for i, token in enumerate(tokens):
        row = logits[len(prompt) - 1 + i]
        if row[token] < row.max() - slack:
            raise DisagreementError(
                f"{name}: expected new token {i} to be {int(row.argmax())}, the likeliest, or as "
                f"good, got {token}"
            )


def equal_tokens(tokens: Sequence[int], others: Sequence[int]) -> int:
    """Return how many tokens are the same before the first that differs."""
    same = np.array(tokens) == np.array(others)
    return len(same) if same.all() else int(same.argmin())
