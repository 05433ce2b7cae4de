"""What several workers cost beside one: `python -m benchmarks.distributed.shares`.

    ... [--models NAME ...] [--turns N] [--steps N] [--python FILE]

For each model, on two processors: one worker of two threads, two of one thread by MPI, one of two
threads under mpiexec, and the same with microbatches. They take turns, there and back again; the
first steps of each do not count. The table has milliseconds of a step, the share of communication
and of waiting, and how long a step took beside one worker of two threads without MPI.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.distributed.start import run
from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.report import machine, spread, write

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "makemore": ("makemore", {}),
    "shakespeare_cpu": ("shakespeare-char", {}),
    "10 million": (
        "shakespeare-char",
        {"n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 128, "batch_size": 8},
    ),
}
SIDES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "1 × 2 threads": ("none", 1, {"threads": 2}),
    "1 × 2, under mpiexec": ("mpi", 1, {"threads": 2}),
    "1 × 2, 8 microbatches": ("mpi", 1, {"threads": 2, "microbatches": 8}),
    "2 × 1 thread": ("mpi", 2, {"threads": 1, "microbatches": 8}),
    "2 × 1, 2 microbatches": ("mpi", 2, {"threads": 1, "microbatches": 2}),
}


def measure(
    model: str, sides: Sequence[str], turns: int, steps: int, python: str, scratch: Path
) -> dict[str, Any]:
    """Return for each side its median step in each turn, in s, and the shares of what it did."""
    recipe, sizes = MODELS[model]
    found: dict[str, Any] = {side: {"step_s": [], "shares": []} for side in sides}
    for turn in range(turns):
        for side in sides if turn % 2 else reversed(sides):
            transport, count, more = SIDES[side]
            options = sizes | more | {
                "max_iters": steps, "eval_interval": 0, "checkpoint_interval": 0
            }  # fmt: skip
            out = str(scratch / f"{model}-{side}-{turn}")
            job = {"recipe": recipe, "options": options, "out": out}
            result = run(transport, count, job, python)
            half = steps // 2
            found[side]["step_s"].append(statistics.median(result["seconds"][half:]))
            if count > 1:
                first, last = result["spent"][half - 1], result["spent"][-1]
                parts = [end - begin for begin, end in zip(first, last, strict=True)]
                found[side]["shares"].append([part / sum(parts) for part in parts])
    return found


def table(found: dict[str, Any]) -> Table:
    """Return what a step took, for each model and side."""
    shown = Table("model", "workers", "ms a step", "beside the first", "communication", "waiting")
    for model, sides in found.items():
        first = next(iter(sides.values()))["step_s"]
        for side, turns in sides.items():
            milliseconds = [1000 * value for value in turns["step_s"]]
            ratios = [mine / one for mine, one in zip(turns["step_s"], first, strict=True)]
            shares = turns["shares"]
            parts = [
                spread([100 * share[part] for share in shares], ".0f", " %") if shares else ""
                for part in (2, 1)
            ]
            shown.add_row(model, side, spread(milliseconds, ".2f"), spread(ratios, ".3f"), *parts)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print the table, then the file's path."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.shares")
    add = parser.add_argument
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME")
    add("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE")
    add("--turns", type=int, default=4, metavar="N", help="default: 4")
    add("--steps", type=int, default=200, metavar="N", help="of each turn, default: 200")
    add("--python", default=sys.executable, metavar="FILE", help="with an mpiexec beside it")
    add("--json", type=Path, metavar="FILE", help="default: build/bench/shares-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "shares")
    report = {"machine": machine(2)}
    note = make_note(report["machine"]["load"])
    found = {}
    with tempfile.TemporaryDirectory(prefix="bench-shares-") as scratch:
        for model in options.models:
            found[model] = measure(
                model, options.sides, options.turns, options.steps, options.python, Path(scratch)
            )
            note(model)
    make_console().print(table(found))
    write(path, report | {"shares": found})
    note(f"every turn is in {path}")


if __name__ == "__main__":
    sys.exit(exit_status(main))
