"""nanoGPT's recipe for Shakespeare on a CPU, here and in PyTorch: `make bench-recipe` (2 minutes).

    python -m benchmarks.recipe [--steps N] [--sides NAME ...] [--threads N] [--json FILE]

A GPT of 4 layers, 4 heads and width 128 (0.8 million weights) learns the characters of Shakespeare:
2,000 steps of 12 rows of 64 characters, AdamW with beta2 0.99 and decay 0.1, clipping to norm 1, a
learning rate that rises to 1e-3 in 100 steps and falls to 1e-4 as a cosine. nanoGPT reports a
validation loss of 1.88 for it (https://github.com/karpathy/nanoGPT#quick-start).

Both sides are float32 on the same number of threads, and have the same first weights, batches and
learning rates. pygpt is its own `Trainer`; PyTorch is eager, with fused AdamW,
scaled_dot_product_attention, and a malloc that keeps its memory. Each trains once, one after the
other, in a process of its own. Losses and gradient norms of the first steps must agree, or the
benchmark fails. Every 250 steps both are evaluated on all of the validation text.

    end, best  validation loss after the last step, and the lowest (after which step), nats a token
    training   seconds of all steps, each from drawing its batch to a loss that was read
    evaluation seconds of all evaluations
    overall    seconds of the whole process: imports, the start of the JVM and loading, too
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

import pygpt
from benchmarks.harness.check import FLOAT32, Steps, Tolerance, compare
from benchmarks.harness.command import exit_status, make_console, new_file
from benchmarks.harness.peer import Peer, environment
from benchmarks.harness.report import machine, write
from benchmarks.recipe.recipe import MODEL, STEPS, options

SIDES = ("pygpt", "torch")
AGREE = Tolerance(FLOAT32.steps, FLOAT32.loss, FLOAT32.grad_norm, weight_norm=None)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.recipe", description="nanoGPT's CPU recipe, here and in PyTorch."
    )
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help=f"default: {STEPS}")
    parser.add_argument(
        "--sides", nargs="+", choices=SIDES, default=SIDES, metavar="NAME", help=" ".join(SIDES)
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default: build/bench/recipe-TIME.json"
    )
    return parser


def run_side(name: str, data: Path, steps: int, threads: int) -> dict[str, Any]:
    """Run a side to its end; return its `Outcome`, and the seconds of its process.

    Raises:
        WorkerError: it failed.
    """
    began, variables = time.perf_counter(), environment(name, threads, data.parent)
    arguments = name, data, steps, threads
    with Peer(name, "benchmarks.recipe.recipe:Recipe", arguments, variables) as peer:
        outcome = peer.ask("train")
    return {"side": name, "process_s": time.perf_counter() - began, **asdict(outcome)}


def check(first: dict[str, Any], other: dict[str, Any]) -> None:
    """Check that two sides did the same work.

    Raises:
        DisagreementError: their first losses or gradient norms are too far apart.
    """
    one, two = (
        Steps(side["step_s"], side["losses"], side["grad_norms"]) for side in (first, other)
    )
    compare(other["side"], two, {}, one, {}, AGREE)


def table(sides: Sequence[dict[str, Any]], left_out: Sequence[str], threads: int) -> Table:
    """Return a row for each side; losses in nats a token, times in seconds, a step in ms."""
    title = f"Shakespeare's characters, {MODEL.num_parameters:,} weights; threads: {threads}"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("side")
    for name in ("end", "best", "training", "evaluation", "overall", "ms a step"):
        shown.add_column(name, justify="right", no_wrap=True)
    for side in sides:
        evaluations, training = side["evaluations"], sum(side["step_s"])
        best = min(evaluations, key=lambda at: at[1])
        shown.add_row(
            side["side"],
            f"{evaluations[-1][1]:.4f}",
            f"{best[1]:.4f} ({best[0]:,})",
            f"{training:.1f} s",
            f"{side['loop_s'] - training:.1f} s",
            f"{side['process_s']:.1f} s",
            f"{1e3 * statistics.median(side['step_s']):.2f}",
        )
    for name in left_out:
        shown.add_row(name, "not installed")
    shown.caption = "\n".join(f"{side['side']}: {side['description']}" for side in sides)
    shown.caption_justify = "left"
    return shown


def run(arguments: Sequence[str] | None = None) -> None:
    """Train what the command line asks for; print a table, then the file's path.

    Raises:
        WorkerError: a side failed.
        DisagreementError: the sides did different work.
    """
    parser = make_parser()
    given = parser.parse_args(arguments)
    path = new_file(parser, given.json, "recipe")
    for name in ("steps", "threads"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: expected at least 1, got {getattr(given, name)}")
    left_out = [name for name in given.sides if find_spec(name) is None]
    recipe = options(given.steps).to_dict()
    report: dict[str, Any] = {"machine": machine(given.threads), "recipe": recipe, "sides": []}
    with tempfile.TemporaryDirectory(prefix="bench-recipe-") as scratch:
        data = Path(scratch) / "data"
        pygpt.prepare("shakespeare", "char", data)
        for name in given.sides:
            if name not in left_out:
                print(f"{name}: {given.steps:,} steps ...", file=sys.stderr, flush=True)
                report["sides"].append(run_side(name, data, given.steps, given.threads))
                check(report["sides"][0], report["sides"][-1])
                write(path, report)
    console = make_console()
    console.print(table(report["sides"], left_out, given.threads))
    print(f"every step is in {path}", file=sys.stderr)


def main() -> int:
    """Run the command line; return the exit status."""
    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
