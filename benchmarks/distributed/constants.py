"""The constants of the simulation, measured: `python -m benchmarks.distributed.constants`.

    ... [--steps N] [--rates RATE ...] [--python FILE] [--json FILE]

One worker without MPI trains GPT-2 124M at T = 1,024 on all processors: how many operations a
second it does, and how much its steps vary. Rounding and adding are timed for either wire. Then, as
root on Linux, two workers without a model on two network namespaces say what a limited link leaves
(the rate at which most is left of it is taken for all), and how long a call takes that moves next
to nothing. `simulate --constants` reads the file, which has the command that wrote it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from benchmarks.distributed.links import hosts, limit, on_hosts
from benchmarks.distributed.simulate import LARGE, Constants
from benchmarks.distributed.start import run
from benchmarks.harness.command import exit_status, make_note, new_file
from benchmarks.harness.report import machine, write
from pygpt.distributed.exchange import CHUNK, work_s
from pygpt.distributed.group import Group

BYTES_PER_S = {"1gbit": 125e6, "100mbit": 12.5e6}
UNCOUNTED = 2  # steps that run code which is not compiled yet
NUMBERS = 16 * CHUNK


def computing(steps: int, threads: int, scratch: Path) -> tuple[float, float]:
    """Return operations a second of one worker, and the spread of the logarithm of its steps."""
    size = LARGE[0]
    options = {
        "block_size": size.T, "batch_size": 1, "gradient_accumulation_steps": 1,
        "microbatches": 1, "threads": threads, "max_iters": 100,
        "eval_interval": 0, "checkpoint_interval": 0,
    }  # fmt: skip
    job = {"recipe": "gpt2", "data": "shakespeare", "options": options, "out": str(scratch / "one")}
    found = run("none", 1, job | {"steps": UNCOUNTED + steps, "measures": True})
    rate = size.T * size.flops / found["cost"]["compute_s"]
    totals = np.array([0.0, *(spent[0] for spent in found["spent"])])
    seconds = np.diff(totals)[UNCOUNTED:]
    return rate, float(np.std(np.log(seconds)))


def adding() -> dict[str, float]:
    """Return, for either wire, the seconds of a number for rounding and adding, of two workers."""
    two = cast(Group, SimpleNamespace(rank=0, size=2, local_size=2))
    bounds = [0, NUMBERS // 2, NUMBERS]
    return {
        wire: work_s(two, bounds, wire == "bfloat16", "float32") / NUMBERS
        for wire in ("float32", "bfloat16")
    }


def links(python: str, rates: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what is measured between two hosts at each rate of the link between them."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="bench-constants-") as scratch, hosts():
        for rate in rates:
            limit(rate)
            job = {"numbers": NUMBERS, "item_bytes": 4}
            (found[rate],) = on_hosts(python, [job], Path(scratch))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.constants")
    add = parser.add_argument
    add("--steps", type=int, default=12, metavar="N", help="that count, default: 12")
    add("--rates", nargs="*", choices=BYTES_PER_S, default=list(BYTES_PER_S), metavar="RATE",
        help="of links, default: 1gbit 100mbit; none without root")  # fmt: skip
    add("--python", default=sys.executable, metavar="FILE", help="with an mpiexec beside it")
    add("--json", type=Path, metavar="FILE", help="default: build/bench/constants-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "constants")
    threads = os.cpu_count() or 1
    report: dict[str, Any] = {"machine": machine(threads), "command": sys.argv}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-constants-") as scratch:
        rate, spread = computing(options.steps, threads, Path(scratch))
    note(f"computing: {rate / 1e9:.0f} GF/s, steps that vary by {100 * spread:.1f} %")
    work = adding()
    shown = ", ".join(f"{1e9 * each:.1f} ns by {wire}" for wire, each in work.items())
    note(f"rounding and adding of a number: {shown}")
    known = dict(vars(Constants(rate, spread, work)))
    report["links"] = links(options.python, options.rates)
    if report["links"]:
        shares = [found["bytes_per_s"] / BYTES_PER_S[r] for r, found in report["links"].items()]
        starts = [found["latency_s"] for found in report["links"].values()]
        known |= {"left": max(shares), "start_s": statistics.median(starts)}
        note(f"links leave {', '.join(f'{100 * share:.1f} %' for share in shares)} of "
             f"{', '.join(report['links'])}; {1e6 * known['start_s']:.0f} µs a call")  # fmt: skip
    write(path, report | {"constants": known})
    note(f"the constants are in {path}")


if __name__ == "__main__":
    sys.exit(exit_status(main))
