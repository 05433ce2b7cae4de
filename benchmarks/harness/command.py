"""What the commands of the benchmarks share: where the JSON goes, notes, and how they end."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.harness.check import DisagreementError
from benchmarks.harness.peer import ROOT, WorkerError

BUSY_LOAD = 0.5  # mean of processes that ran in the last minute
WIDTH = 100  # of a table, where the output is no terminal


def new_file(parser: argparse.ArgumentParser, given: Path | None, name: str) -> Path:
    """Return the file of `--json`, by default build/bench/NAME-TIME.json; ends if it exists."""
    path = given or ROOT / "build" / "bench" / time.strftime(f"{name}-%Y%m%d-%H%M%S.json")
    if path.exists():
        parser.error(f"--json: expected a new file, {path} exists")
    return path


def make_note(load: float) -> Callable[[str], None]:
    """Return what prints a line on stderr with the seconds since now; one says if others work."""
    began = time.perf_counter()

    def note(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", file=sys.stderr, flush=True)

    if load > BUSY_LOAD:
        note(f"the machine is busy (load {load:.1f}): expect noise")
    return note


def make_console(width: int = WIDTH) -> Console:
    """Return a console for tables on stdout; where that is no terminal, of this width."""
    return Console(width=None if sys.stdout.isatty() else width)


def exit_status(run: Callable[[], None]) -> int:
    """Run a benchmark; return its exit status. A mistake is one line on stderr."""
    try:
        run()
    except (WorkerError, DisagreementError) as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0
