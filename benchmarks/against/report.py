"""The results as a table, and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.against.build import Tree
from benchmarks.against.measure import Result
from benchmarks.against.rows import Row
from benchmarks.harness.report import spread

Measured = Sequence[tuple[Row, Result, Result]]


def table(trees: Sequence[Tree], measured: Measured) -> Table:
    """Return the table: a line for each figure; peak memory in MiB beside a row's first one."""
    this, other = (_short(tree) for tree in trees)
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.add_column("median\n(smallest-largest)", no_wrap=True)
    for name in ("", f"this\n{this}", f"other\n{other}", "this /\nother"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("MiB\nthis", "MiB\nother", "this /\nother"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row, mine, theirs in measured:
        for number, label in enumerate(row.labels):
            memory = _memory(mine, theirs) if number == 0 else []
            shown.add_row(
                label,
                row.unit,
                _figure([value / row.scale for value in mine.figure(number)]),
                _figure([value / row.scale for value in theirs.figure(number)]),
                spread(mine.times(theirs, number), ".3f"),
                *memory,
            )
    shown.caption = "this / other: median (range) of the ratios of each round; below 1 is better"
    shown.caption_justify = "left"
    return shown


def _short(tree: Tree) -> str:
    return tree.commit[:9] + ("+" if tree.commit.endswith("+") else "")


def _figure(values: Sequence[float]) -> str:
    """Three digits that count."""
    median = statistics.median(values)
    return spread(values, ",.2f" if median < 10 else ",.1f" if median < 100 else ",.0f")


def _memory(mine: Result, theirs: Result) -> list[str]:
    peaks = [statistics.median(result.peaks_bytes) / 2**20 for result in (mine, theirs)]
    return [*(f"{peak:,.0f}" for peak in peaks), f"{peaks[0] / peaks[1]:.3f}"]


def as_json(row: Row, mine: Result, theirs: Result) -> dict[str, Any]:
    """Return everything of a row, for JSON; seconds, bytes."""
    ratios = {
        label: statistics.median(mine.times(theirs, number))
        for number, label in enumerate(row.labels)
    }
    return {"labels": row.labels, "ratios": ratios, "sides": [asdict(mine), asdict(theirs)]}
