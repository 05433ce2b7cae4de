"""How fast this machine reads memory: the bound of a step, which reads every weight once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

SIZE_BYTES = 1 << 30  # far more than any cache
ROUNDS = 5


def read_bytes_per_s(threads: int) -> float:
    """Return the best rate of some rounds in which threads read a large array, each its part.

    NumPy's maximum of float32 is a vector loop that only loads and compares, and runs without the
    interpreter's lock.
    """
    array = np.ones(SIZE_BYTES // 4, np.float32)
    parts = np.array_split(array, threads)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert all(maximum == 1 for maximum in pool.map(np.max, parts))
            best = max(best, array.nbytes / (time.perf_counter() - began))
    return best
