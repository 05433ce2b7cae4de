"""Training beside other programs: how many times as long a step takes there as on an idle machine.

    python -m benchmarks.train.busy [--models NAME ...] [--sides NAME ...] [--rounds N] [--loops N]

The sides of `benchmarks.train` take turns, each first on the idle machine, then beside so many
processes that only compute (two of them). Of equal shares of two processors, as many threads as
loops get half, so that 2 is what a fair share costs. Printed are ms a step, median and mean of all
turns, idle and beside the loops, and how many times as long: the medians' ratio and the means'.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness.command import exit_status
from benchmarks.train.__main__ import QUICK_SIDES, SIDES
from benchmarks.train.measure import FIRST_STEPS, make_peer
from benchmarks.train.workload import WORKLOADS

MODELS = ("makemore", "shakespeare_cpu")
SETTLE_S = 0.5  # until the scheduler has shared out the processors


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes compute until the block ends."""
    loops = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(count)
    ]
    try:
        time.sleep(SETTLE_S)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for and print a line for each model and side.

    Raises:
        WorkerError: a side failed.
        UnavailableError: this machine lacks what a side needs.
    """
    names = [work.name for work in WORKLOADS]
    parser = argparse.ArgumentParser(
        prog="benchmarks.train.busy", description="Training beside programs that only compute."
    )
    parser.add_argument("--models", nargs="+", choices=names, default=MODELS, metavar="NAME")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=QUICK_SIDES, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--loops", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    options = parser.parse_args(arguments)
    for work in (work for work in WORKLOADS if work.name in options.models):
        steps = 2 * work.chunk
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            peers = [
                stack.enter_context(make_peer(side, side, work, options.threads, scratch))
                for side in options.sides
            ]
            for peer in peers:
                peer.ask("run", FIRST_STEPS + steps)
            idle: list[list[float]] = [[] for _ in peers]
            beside: list[list[float]] = [[] for _ in peers]
            for _ in range(options.rounds):
                for peer, alone, shared in zip(peers, idle, beside, strict=True):
                    alone += peer.ask("run", steps).step_s
                    with busy_loops(options.loops):
                        shared += peer.ask("run", steps).step_s
            for peer, alone, shared in zip(peers, idle, beside, strict=True):
                print(f"{work.name} {peer.label}: {summary(alone, shared)}", flush=True)


def summary(alone: Sequence[float], shared: Sequence[float]) -> str:
    """Return what the seconds of steps on the idle machine and beside the loops come to."""
    parts = []
    for word, average in (("median", statistics.median), ("mean", statistics.fmean)):
        idle, busy = average(alone) * 1e3, average(shared) * 1e3
        parts.append(f"{word} {idle:.2f} and {busy:.2f} ms, {busy / idle:.2f} times")
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(exit_status(run))
