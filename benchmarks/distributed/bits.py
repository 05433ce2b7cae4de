"""The same bits for every number of workers and every transport, and after going on with others.

    python -m benchmarks.distributed.bits [--steps N] [--python FILE ...] [--gloo FILE]

Two recipes: makemore with dropout and clipping, and nanoGPT's Shakespeare for a CPU. Each is
trained by one process without MPI, then by each number of workers, by the mpiexec beside each
`--python` (of MPICH or of Open MPI) and by torch's gloo with each `--gloo`; then it goes on after
each third of the steps with 4, 1 and 2 workers. All of them must have the same weights.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.distributed.start import run
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "makemore": ("makemore", {"dropout": 0.1, "grad_clip": 0.5}),
    "shakespeare_cpu": ("shakespeare-char", {}),
}
GOES_ON = (4, 1, 2)


def check(
    name: str, steps: int, sides: Sequence[tuple[str, str]], counts: Sequence[int], scratch: Path
) -> None:
    """Compare all ways to train a recipe; print a line for each.

    Raises:
        DisagreementError: one has other weights.
    """
    recipe, options = RECIPES[name]
    options = {
        "microbatches": 8, "threads": 1, "max_iters": steps, "lr_decay_iters": steps,
        "eval_interval": 0, "checkpoint_interval": 0, **options,
    }  # fmt: skip
    job = {"recipe": recipe, "options": options}
    expected = run("none", 1, job | {"out": str(scratch / name)})["digest"]
    print(f"{name}, {steps} steps: {expected[:16]} by one process", flush=True)

    def compare(found: dict[str, Any], what: str) -> None:
        transport = found["transport"]
        print(f"  {found['digest'][:16]}  {transport}, {what}", flush=True)
        if found["digest"] != expected or found["steps"] != steps:
            raise DisagreementError(f"{name}, {transport}, {what}: other weights")

    for number, (transport, python) in enumerate(sides):
        for count in counts:
            out = scratch / f"{name}-{number}-{count}"
            compare(run(transport, count, job | {"out": str(out)}, python), f"{count} workers")
        out = scratch / f"{name}-{number}-parts"
        found: dict[str, Any] = {}
        for part, count in enumerate(GOES_ON):
            last = steps * (part + 1) // len(GOES_ON)
            more = {"options": options | {"max_iters": last}, "out": str(out), "resume": part > 0}
            found = run(transport, count, job | more, python)
        compare(found, "4, then 1, then 2 workers")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.bits")
    add = parser.add_argument
    add("--workers", type=int, nargs="+", default=[1, 2, 4, 8], metavar="N", help="1 2 4 8")
    add("--steps", type=int, default=200, metavar="N", help="default: 200")
    add("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME")
    add("--python", nargs="*", default=[sys.executable], metavar="FILE", help="with an mpiexec")
    add("--gloo", nargs="*", default=[], metavar="FILE", help="a Python that has torch")
    options = parser.parse_args(arguments)
    sides = [("mpi", python) for python in options.python]
    sides += [("gloo", python) for python in options.gloo]
    note = make_note(0)
    with tempfile.TemporaryDirectory(prefix="bench-bits-") as scratch:
        for name in options.recipes:
            check(name, options.steps, sides, options.workers, Path(scratch))
            note(f"{name}: all the same")


if __name__ == "__main__":
    sys.exit(exit_status(main))
