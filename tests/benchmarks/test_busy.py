"""Training beside programs that only compute: the loops, and what a line says."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.train.busy import busy_loops, summary


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_loops_end_with_their_block() -> None:
    before = _children()
    with busy_loops(2):
        assert len(_children() - before) == 2
    assert _children() <= before


def test_summary() -> None:
    expected = "median 2.00 and 5.00 ms, 2.50 times; mean 2.00 and 6.00 ms, 3.00 times"
    assert summary([0.001, 0.002, 0.003], [0.004, 0.005, 0.009]) == expected
