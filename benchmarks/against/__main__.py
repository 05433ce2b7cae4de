"""This tree beside another commit, in one run: `make bench-against ARGS=0da3a66` (15 minutes).

    python -m benchmarks.against REV [--models NAME ...] [--quick] [--rounds N] [--json FILE]

It shows what a change costs or gains. The other commit is taken from git into build/against, built
there by its own Makefile, and kept for the next run. This tree is taken as it is, built, with
changes that are not committed; do not edit or build it meanwhile. The rows:

    import pygpt      in a fresh process, also with its class GPT, for which NumPy is imported
    makemore ...      a training step of each model of benchmarks/train
    float32, bfloat16, int8
                      GPT-2 124M with random weights in that format: a new token of one sequence,
                      and a prompt of 1,000 tokens up to its first new token
    names             the 1,000 steps in a fresh process, and a step once all is compiled

Each side's processes import that tree's pygpt and load its jars; the code that measures is this
tree's. The sides must compute the same: losses, gradient norms and weights of the first training
steps, logits, names. Then they take turns, A B B A, one computing at a time. Turns do not count
until neither side becomes faster; one that counts gives the median of its steps, and is compared
with the other side's turn beside it. Several pairs of processes are compared in each row, since
equal ones may differ by a few percent for as long as they live.

The table has of each side the median, smallest and largest turn, the median and range of the ratios
of all turns, and the median of the processes' peak memory. `python -m benchmarks.against HEAD`
without changes shows the noise. The JSON file has every turn. The two large models, which `--quick`
leaves out, need 4 GB for each side; Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.against.build import both, checkout, commit_of
from benchmarks.against.measure import measure
from benchmarks.against.report import as_json, table
from benchmarks.against.rows import FORMATS, LARGE, MODELS, rows
from benchmarks.against.side import SavedModel
from benchmarks.generate.workload import GPT2_124M
from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.peer import Peer
from benchmarks.harness.report import machine, write

WIDTH = 124  # of the table, where the output is no terminal


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.against", description="This tree beside another commit, in one run."
    )
    parser.add_argument("revision", metavar="REV", help="the other commit, as git names it")
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, metavar="NAME", help=" ".join(MODELS)
    )
    parser.add_argument("--quick", action="store_true", help=f"without {' and '.join(LARGE)}")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="turns of each process that count, default: 4 to 12"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default: build/bench/against-TIME.json"
    )
    return parser


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print the table, then the file's path.

    Raises:
        WorkerError: the other commit cannot be built, or a side failed.
        DisagreementError: the sides did different work.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "against")
    for name in ("rounds", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name}: expected at least 1, got {value}")
    models = set(options.models or MODELS) - set(LARGE if options.quick else ())
    report: dict[str, Any] = {"machine": machine(options.threads), "rows": []}
    note = make_note(report["machine"]["load"])
    commit = commit_of(options.revision)
    note(f"the other side is {commit}: taken from build/against, or built")
    measured = []
    with both(commit, checkout(commit)) as trees, tempfile.TemporaryDirectory() as scratch:
        report["commits"] = [tree.commit for tree in trees]
        folder = Path(scratch, "model")
        if models & set(FORMATS):
            make = f"benchmarks.against.side:{SavedModel.__name__}"
            Peer("saved model", make, (trees[1].path, GPT2_124M, folder)).close()
        try:
            for row in rows(models, folder, options.threads):
                if options.rounds is not None:
                    row = replace(row, rounds=options.rounds)
                measured.append((row, *measure(row, trees, note)))
                report["rows"].append(as_json(*measured[-1]))
                write(path, report)
        finally:  # an interrupted run shows the rows that it has
            if measured:
                make_console(WIDTH).print(table(trees, measured))
                note(f"every turn is in {path}")


def main() -> int:
    """Run the command line; return the exit status."""
    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
