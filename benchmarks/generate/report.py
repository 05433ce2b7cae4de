"""The results as a table, and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.generate.measure import (
    Result,
    batch_tokens_per_s,
    shares,
    times,
    tokens_per_s,
)
from benchmarks.generate.workload import Workload
from benchmarks.harness.report import spread


def table(work: Workload, results: Sequence[Result]) -> Table:
    """Return the table: tokens/s, of the median turn; memory in MiB."""
    shown = Table(
        title=f"GPT-2 124M: {work.new} new tokens after {work.prompt}, several sequences "
        f"({work.batch_new} each), a prompt of {work.prefill}; tokens/s",
        title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False,
    )  # fmt: skip
    shown.add_column("\nside", no_wrap=True)
    for name in (
        "\ngenerate", "of memory's\nrate then", "x 1st\nside",
        *(f"{count}\nsequences" for count in work.batches),
        "\nprefill", "\nforward", "prefill /\nforward", "peak\nMiB",
    ):  # fmt: skip
        shown.add_column(name, justify="right", no_wrap=True)
    for result in results:
        rate = tokens_per_s(work, result)
        prefill, forward = _reading(work, result)
        shown.add_row(
            result.name,
            f"{rate:.1f}",
            spread([100 * share for share in shares(work, result)], ".0f", "%"),
            spread(times(result, results[0]), ".2f"),
            *(f"{batch_tokens_per_s(work, result, count):,.0f}" for count in work.batches),
            f"{prefill:,.0f}",
            f"{forward:,.0f}",
            f"{prefill / forward:.0%}",
            f"{result.peak_bytes / 2**20:,.0f}",
        )
    shown.caption = "\n".join(_remarks(work, results))
    shown.caption_justify = "left"
    return shown


def _reading(work: Workload, result: Result) -> tuple[float, float]:
    """Tokens/s of prefill and of forward."""
    prefill_s = statistics.median(result.prefill_s)
    return work.prefill / prefill_s, work.prefill / statistics.median(result.forward_s)


def _remarks(work: Workload, results: Sequence[Result]) -> list[str]:
    rates = [rate / 1e9 for result in results for rate in result.read_bytes_per_s]
    remarks = [f"memory was read at {spread(rates, '.1f')} GB/s"]
    for result in results[1:]:
        same = f"{result.equal_tokens} of {work.new} greedy tokens"
        apart = f"logits to {result.logits_apart or 0:.0e}"
        if result.logits_apart is None:
            remarks.append(f"{result.name} has {same} of the first side before it parts")
        elif result.name.startswith("llama.cpp"):
            remarks.append(f"{result.name} has pygpt's {apart} of the same file, {same}")
        else:
            remarks.append(f"{result.name} does the first side's work: {apart}, {same}")
    by_name = {result.name: result for result in results}
    if "pygpt" in by_name:
        for name in ("pygpt-bfloat16", "pygpt-int8", "pygpt-int4"):
            if name in by_name:
                ratio = statistics.median(times(by_name[name], by_name["pygpt"]))
                remarks.append(f"{name} generates {ratio:.2f} x as fast as pygpt")
    return remarks


def as_json(work: Workload, results: Sequence[Result]) -> dict[str, Any]:
    """Return everything, for JSON; seconds, bytes."""
    sides = []
    for result in results:
        prefill, forward = _reading(work, result)
        sides.append(
            asdict(result)
            | {
                "tokens_per_s": tokens_per_s(work, result),
                "shares_of_memory_rate": shares(work, result),
                "batch_tokens_per_s": {
                    count: batch_tokens_per_s(work, result, count) for count in work.batches
                },
                "prefill_tokens_per_s": prefill,
                "forward_tokens_per_s": forward,
            }
        )
    return asdict(work) | {"sides": sides}
