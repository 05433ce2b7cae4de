"""How fast this machine reads memory: the bound of a step, which reads every weight once."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

SIZE_BYTES = 1 << 30  # far more than any cache
ROUNDS = 9


class MemoryReader:
    """Mutable: threads that read a large array, each its part. Use it in a `with` block.

    NumPy's maximum of float32 is a vector loop that only loads and compares, and runs without the
    interpreter's lock.
    """

    def __init__(self, threads: int, size_bytes: int = SIZE_BYTES) -> None:
        self._array = np.ones(size_bytes // 4, np.float32)
        self._parts = np.array_split(self._array, threads)
        self._pool = ThreadPoolExecutor(threads)

    def bytes_per_s(self) -> float:
        """Return the median rate of some rounds."""
        rates = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert all(maximum == 1 for maximum in self._pool.map(np.max, self._parts))
            rates.append(self._array.nbytes / (time.perf_counter() - began))
        return statistics.median(rates)

    def __enter__(self) -> MemoryReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
