"""Pearson's and Spearman's correlation, each with the probability of one so large by chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TINY, _CLOSE, _MOST = 1e-300, 1e-15, 500  # of the continued fraction


def pearson(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return the correlation of two rows of numbers, and its two-sided p-value.

    Both are not a number for fewer than 2 pairs, or where one row is constant.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(a) < 2:
        return math.nan, math.nan
    a, b = a - a.mean(), b - b.mean()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return math.nan, math.nan
    r = max(-1.0, min(1.0, float(a @ b) / lengths))
    freedom = len(a) - 2
    if freedom == 0:
        return r, 1.0
    return r, _beta(1 - r * r, freedom / 2, 0.5)  # Student's t, both sides


def spearman(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return the correlation of ranks, equal numbers with their mean rank; as `pearson`."""
    return pearson(_ranks(np.asarray(x)), _ranks(np.asarray(y)))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_ranks: NDArray[np.float64] = last - (counts - 1) / 2
    return mean_ranks[places]


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function, by Lentz's continued fraction.

    See https://dlmf.nist.gov/8.17#v.
    """
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x)
    log_front -= math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    fraction, c, d = 1.0, 1.0, 0.0
    for i in range(_MOST):
        m = i // 2
        if i == 0:
            step = 1.0
        elif i % 2 == 0:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 + step * d
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = 1 + step / (c if abs(c) > _TINY else _TINY)
        fraction *= c * d
        if i and abs(1 - c * d) < _CLOSE:
            break
    return math.exp(log_front) * (fraction - 1) / a
