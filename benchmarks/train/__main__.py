"""Training here and in PyTorch, side by side: `make bench`, or `make bench-quick` (3 minutes).

    python -m benchmarks.train [--quick] [--models NAME ...] [--sides NAME ...] [--json FILE]

Five GPT-2s (`workload.py`), from 0.2 to 124 million weights, are trained by

    pygpt            this project
    torch            PyTorch, eager, float32
    torch-compile    its forward, loss and backward through torch.compile, float32
    torch-bf16       eager, forward and loss under autocast to bfloat16; AdamW in float32

all on two threads, from the same weights, on the same batches of random tokens. A step is forward,
loss, backward, clipping to norm 1, AdamW, and reading the loss. PyTorch has its fastest pieces:
fused AdamW, scaled_dot_product_attention, gradients set to None, and a malloc that keeps its memory
(`peer.py`; 10 % and more on the large models, for up to a tenth more memory).

Each side is a process of its own, which waits on its stdin unless it is asked: one side computes at
a time. First each takes 10 steps in its fresh process: the cold figures, torch.compile's compiling
among them. A side must then have the losses, gradient norms and weights of the first one
(`check.py`), or the benchmark fails: other work cannot be compared. Then the sides take turns of a
few steps, there and back again, so that noise meets all alike; the first turns do not count.

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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.train.check import DisagreementError
from benchmarks.train.measure import measure
from benchmarks.train.peer import ROOT, WorkerError
from benchmarks.train.report import as_json, machine, table, write
from benchmarks.train.workload import WORKLOADS

SIDES = ("pygpt", "torch", "torch-compile", "torch-bf16")
QUICK_SIDES = ("pygpt", "torch")
BUSY_LOAD = 0.5  # mean of processes that ran in the last minute
WIDTH = 100  # of a table, where the output is no terminal


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    names = [work.name for work in WORKLOADS]
    parser = argparse.ArgumentParser(
        prog="benchmarks.train", description="Training here and in PyTorch, side by side."
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
    path = options.json or ROOT / "build" / "bench" / time.strftime("train-%Y%m%d-%H%M%S.json")
    if path.exists():
        parser.error(f"--json: expected a new file, {path} exists")
    sides = options.sides or (QUICK_SIDES if options.quick else SIDES)
    plan = [
        (work, work.quick_rounds if options.quick else work.rounds)
        for work in WORKLOADS
        if options.models is None or work.name in options.models
    ]
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    report: dict[str, Any] = {"machine": machine(options.threads), "models": []}
    began = time.perf_counter()

    def note(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", file=sys.stderr, flush=True)

    if report["machine"]["load"] > BUSY_LOAD:
        note(f"the machine is busy (load {report['machine']['load']:.1f}): expect noise")
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
    try:
        run()
    except (WorkerError, DisagreementError) as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
