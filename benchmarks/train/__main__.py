"""Training here, in PyTorch and in JAX, side by side: `make bench`; `make bench-quick`: 3 minutes.

    python -m benchmarks.train [--quick] [--models NAME ...] [--sides NAME ...] [--json FILE]

Five GPT-2s (`workload.py`), from 0.2 to 124 million weights, are trained by

    pygpt            this project, float32
    pygpt-bf16       this project, trained with dtype="bfloat16"
    torch            PyTorch, eager, float32
    torch-compile    its forward, loss and backward through torch.compile, float32
    torch-bf16       eager, forward and loss under autocast to bfloat16; AdamW in float32
    jax              JAX, the whole step through jax.jit, float32

all on two threads, from the same weights, on the same batches of random tokens. A step is forward,
loss, backward, clipping to norm 1, AdamW, and reading the loss. PyTorch has its fastest pieces:
fused AdamW, scaled_dot_product_attention, gradients set to None, and a malloc that keeps its memory
(`harness/peer.py`; 10 % and more on the large models, for up to a tenth more memory).

Each side is a process of its own, which waits on its stdin unless it is asked: one side computes at
a time. First each takes 10 steps in its fresh process: the cold figures, torch.compile's compiling
among them. A side must then have the losses, gradient norms and weights of the first one
(`harness/check.py`), or the benchmark fails: other work cannot be compared. Then the sides take
turns of a few steps, there and back again, so that noise meets all alike; the first turns do not
count.

The table has, of the turns that count, the median, fastest and slowest step in ms, tokens/s and
GF/s of the median (6 N + 12 L C T operations a token), the most memory that was ever resident, and
how many times as long as the first side's this side's steps took: the median of the turns, and
their range. `--sides torch torch` shows how far two equal sides are apart: the noise. The JSON file
has every step. The large models need about 4 GB for each side, all at once; Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.report import machine, write
from benchmarks.train.measure import measure
from benchmarks.train.report import as_json, table
from benchmarks.train.workload import WORKLOADS

SIDES = ("pygpt", "pygpt-bf16", "torch", "torch-compile", "torch-bf16", "jax")
QUICK_SIDES = ("pygpt", "torch")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    names = [work.name for work in WORKLOADS]
    parser = argparse.ArgumentParser(
        prog="benchmarks.train", description="Training here, in PyTorch and in JAX, side by side."
    )
    parser.add_argument("--quick", action="store_true", help="small models, eager, few turns")
    parser.add_argument("--models", nargs="+", choices=names, metavar="NAME", help=" ".join(names))
    parser.add_argument("--sides", nargs="+", choices=SIDES, metavar="NAME", help=" ".join(SIDES))
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default: build/bench/train-TIME.json"
    )
    return parser


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print a table for each model, then the file's path.

    Raises:
        WorkerError: a side failed.
        DisagreementError: a side did other work.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "train")
    sides = options.sides or (QUICK_SIDES if options.quick else SIDES)
    plan = [
        (work, work.quick_rounds if options.quick else work.rounds)
        for work in WORKLOADS
        if options.models is None or work.name in options.models
    ]
    console = make_console()
    report: dict[str, Any] = {"machine": machine(options.threads), "models": []}
    note = make_note(report["machine"]["load"])
    for work, rounds in plan:
        if rounds == 0:
            continue
        with tempfile.TemporaryDirectory(prefix="bench-train-") as scratch:
            results = measure(work, sides, rounds, options.threads, Path(scratch), note)
        console.print(table(work, results))
        report["models"].append(as_json(work, results))
        write(path, report)
    note(f"every step is in {path}")


def main() -> int:
    """Run the command line; return the exit status."""
    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
