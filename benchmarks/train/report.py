"""The results as a table for each model, and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.harness.check import Agreement
from benchmarks.harness.report import spread
from benchmarks.train.measure import Result
from benchmarks.train.workload import Workload

BUSY = 0.02  # of one core, while it should wait: more is told


def table(work: Workload, results: Sequence[Result]) -> Table:
    """Return the table of one model; times in ms, memory in MiB."""
    title = (
        f"{work.name}: {work.parameters:,} weights, {work.batch_size} x {work.block_size} tokens"
    )
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    shown.add_column("\nside", no_wrap=True)
    for name in (
        "ready\ns", "1st\nstep", "2nd-\n10th", "\nmedian", "\nmin", "\nmax", "tokens\n/s", "\nGF/s",
        "peak\nMiB", "x 1st\nside",
    ):  # fmt: skip
        shown.add_column(name, justify="right", no_wrap=True)
    measured = [result for result in results if result.unavailable is None]
    for result in results:
        if result.unavailable is not None:
            shown.add_row(result.label, "-")
        else:
            shown.add_row(*_row(work, result, measured[0]))
    shown.caption = "\n".join(_remarks(results)) or None
    shown.caption_justify = "left"
    return shown


def _row(work: Workload, result: Result, first: Result) -> list[str]:
    median = statistics.median(result.step_s)
    return [
        result.label,
        f"{result.start_s:.1f}",
        _ms(result.first_step_s[0]),
        _ms(statistics.median(result.first_step_s[1:])),
        _ms(median),
        _ms(min(result.step_s)),
        _ms(max(result.step_s)),
        f"{work.tokens / median:,.0f}",
        f"{work.flops / median / 1e9:.1f}",
        f"{result.peak_bytes / 2**20:,.0f}",
        spread(result.times(first), ".2f"),
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def _remarks(results: Sequence[Result]) -> list[str]:
    remarks = []
    for result in results:
        if result.unavailable is not None:
            remarks.append(f"{result.label}: {result.unavailable}")
        if result.agreement is not None:
            remarks.append(f"{result.label} does the first side's work: {_apart(result.agreement)}")
        if result.idle_cpu > BUSY:
            remarks.append(f"{result.label} took {result.idle_cpu:.0%} of a core while it waited")
    return remarks


def _apart(far: Agreement) -> str:
    text = f"losses to {far.loss:.0e}, gradients to {far.grad_norm:.0e}"
    return text if far.weight_norm is None else f"{text}, weights to {far.weight_norm:.0e}"


def as_json(work: Workload, results: Sequence[Result]) -> dict[str, Any]:
    """Return everything about one model, for JSON; seconds, bytes."""
    sides = []
    for result in results:
        side = asdict(result)
        if result.unavailable is None:
            median = statistics.median(result.step_s)
            side |= {
                "median_s": median,
                "min_s": min(result.step_s),
                "max_s": max(result.step_s),
                "tokens_per_s": work.tokens / median,
                "gflops": work.flops / median / 1e9,
            }
        sides.append(side)
    return asdict(work) | {"parameters": work.parameters, "flops": work.flops, "sides": sides}
