"""Workers that are killed, stopped, or raise, at random moments.

    python -m benchmarks.distributed.failures [--runs N] [--kinds KIND ...] [--python FILE ...]

`launch --max-restarts 1 train makemore` runs undisturbed first. Then each run has a worker killed,
stopped or made to raise in turn, at a random moment after its first step. Noted is after how many
seconds a line named it, after how many all workers had ended, and whether the final weights are the
undisturbed ones.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note
from benchmarks.harness.peer import ROOT

SIZES = ["--n-layer", "1", "--n-embd", "16", "--n-head", "2", "--batch-size", "8"]
FIXED = ["--eval-iters", "2", "--microbatches", "4", "--threads", "1", "--dropout", "0.1"]
RAISES = signal.SIGRTMIN + 1
KINDS = {"kill -9": signal.SIGKILL, "exception": RAISES, "SIGSTOP": signal.SIGSTOP}
LIMIT_S = 10.0

# loaded by each worker as it starts, from a folder on PYTHONPATH
CUSTOMIZE = f"""
import signal

def fail(number, frame):
    raise RuntimeError("at a random moment")

signal.signal({int(RAISES)}, fail)
"""


class Run:
    """Mutable: a `launch`, and the lines of its stderr with their times."""

    def __init__(self, python: str, workers: int, steps: int, out: Path, scratch: Path) -> None:
        intervals = ["--max-iters", str(steps), "--checkpoint-interval", str(steps // 10)]
        train = ["train", "makemore", *SIZES, *FIXED, *intervals, "--eval-interval", "0"]
        launch = ["-m", "pygpt", "launch", "-n", str(workers), "--max-restarts", "1"]
        path = os.pathsep.join([str(scratch), str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [python, *launch, *train, "--out", str(out)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[tuple[float, str]] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put((time.monotonic(), line.rstrip()))
        self.lines.put((time.monotonic(), ""))

    def until(self, pattern: str, limit_s: float = 300) -> tuple[float, re.Match[str]]:
        """Wait for a line; return when it came.

        Raises:
            DisagreementError: it does not come.
        """
        end = time.monotonic() + limit_s
        while True:
            try:
                at, line = self.lines.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                raise DisagreementError(f"no line like {pattern!r} after {self.seen}") from None
            self.seen.append(line)
            match = re.search(pattern, line)
            if match is not None:
                return at, match
            if line == "" and self.process.poll() is not None:
                raise DisagreementError(f"ended without a line like {pattern!r}: {self.seen}")


def undisturbed(
    python: str, workers: int, steps: int, scratch: Path
) -> tuple[bytes, float]:
    """Return the final weights, and the seconds from the first step to the end."""
    run = Run(python, workers, steps, scratch / "whole", scratch)
    metrics = scratch / "whole" / "metrics.jsonl"
    while not metrics.exists() and run.process.poll() is None:
        time.sleep(0.05)
    began = time.monotonic()
    if run.process.wait():
        raise DisagreementError(f"the undisturbed run failed: {list(run.lines.queue)}")
    return weights(scratch / "whole"), time.monotonic() - began


def weights(run: Path) -> bytes:
    """Return the file of the last checkpoint's weights."""
    return (run / "last" / "model.safetensors").read_bytes()


def disturb(
    run: Run, kind: str, rank: int, after_s: float, metrics: Path
) -> tuple[float, float] | None:
    """Do it; return seconds until a line names the worker, and until all have ended.

    Returns:
        None if the run had ended before.
    """
    _, roster = run.until(r"workers by [^:]*: (.*)$")
    place = dict(entry.split(" ", 1) for entry in roster[1].split(", "))[str(rank)]
    while not (metrics.exists() and metrics.stat().st_size) and run.process.poll() is None:
        time.sleep(0.05)
    time.sleep(after_s)
    if run.process.poll() is not None:
        return None
    began = time.monotonic()
    try:
        os.kill(int(place.rpartition(":")[2]), KINDS[kind])
    except ProcessLookupError:
        return None
    named, _ = run.until(rf"^pygpt: rank {rank} \({re.escape(place)}\): ")
    ended, _ = run.until("starting again from the last checkpoint, 1 of 1")
    if run.process.wait(300):
        raise DisagreementError(f"{kind} of rank {rank}: failed again: {run.seen}")
    return named - began, ended - began


def check(
    python: str,
    runs: int,
    kinds: Sequence[str],
    workers: int,
    steps: int,
    seed: int,
    scratch: Path,
    say: Callable[[str], None],
) -> None:
    """Disturb so many runs."""
    (scratch / "sitecustomize.py").write_text(CUSTOMIZE)
    expected, lasts_s = undisturbed(python, workers, steps, scratch)
    say(f"{python}: undisturbed, {lasts_s:.1f} s")
    draw = random.Random(seed)
    done, longest = 0, 0.0
    for number in range(3 * runs):
        if done == runs:
            break
        kind = kinds[done % len(kinds)]
        rank, after_s = draw.randrange(workers), draw.uniform(0, lasts_s)
        out = scratch / f"run-{number}"
        run = Run(python, workers, steps, out, scratch)
        found = disturb(run, kind, rank, after_s, out / "metrics.jsonl")
        if found is None:
            continue
        done += 1
        named, ended = found
        longest = max(longest, ended)
        same = weights(out) == expected
        say(f"{kind} of rank {rank} after {after_s:.1f} s: named after {named:.1f} s, "
            f"all ended after {ended:.1f} s, the same weights: {same}")  # fmt: skip
        if not same or ended > LIMIT_S:
            raise DisagreementError(f"expected the same weights, and an end within {LIMIT_S} s")
    say(f"{done} runs, the longest end {longest:.1f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Disturb what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.failures")
    add = parser.add_argument
    add("--runs", type=int, default=10, metavar="N", help="by each mpiexec, default: 10")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND",
        help=f"in turn, default: {', '.join(KINDS)}")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="of moments and workers, default: 1")
    add("--workers", type=int, default=2, metavar="N", help="default: 2")
    add("--steps", type=int, default=3000, metavar="N", help="default: 3000")
    add("--python", nargs="+", default=[sys.executable], metavar="FILE", help="with an mpiexec")
    options = parser.parse_args(arguments)
    note = make_note(0)
    for python in options.python:
        with tempfile.TemporaryDirectory(prefix="bench-failures-") as scratch:
            folder = Path(scratch)
            more = (options.workers, options.steps, options.seed, folder, note)
            check(python, options.runs, options.kinds, *more)


if __name__ == "__main__":
    sys.exit(exit_status(main))
