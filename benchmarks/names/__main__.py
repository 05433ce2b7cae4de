"""`make bench-names`: pygpt, NumPy and PyTorch on the names protocol, in one run.

In each round each side in turn gets fresh processes, one after another: one that trains the 1,000
steps, makes the 20 names and ends; one that goes on training after that, until all is warm; and,
for pygpt, the command `python -m pygpt names`. The table has the median of the rounds, and the
smallest and the largest.

From make: `make bench-names ARGS="--rounds 9 --json FILE"`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness.peer import OPENBLAS, ROOT
from benchmarks.harness.report import processor, write
from benchmarks.names.protocol import GOLDEN, LOSS_RTOL

ROWS = {  # measure -> what the table calls it, its unit, and that unit in seconds
    "train_s": ("cold", "ms", 1e-3),
    "process_s": ("process", "s", 1.0),
    "step_s": ("steady", "µs", 1e-6),
    "command_s": ("command", "s", 1.0),
}
LEGEND = """\
cold: the 1,000 steps in a fresh process, without its imports, its weights and the start of the JVM
process: that process from outside, from its start to its end, 20 names included
steady: a step of later runs in a process that ran those 1,000: median of the means of three runs
command: python -m pygpt names, from its start to its end
results: whether all losses (to {tolerance}) and names are those of microgpt.py"""


@dataclass(frozen=True)
class Side:
    """One program that is measured.

    Attributes:
        script: beside this file; prints the report of `protocol.main`.
        package: whose version is reported; a side whose package is missing is left out.
        later_steps: of each of three later runs, of which the median counts. The JVM's compiler
            has done its work after some 16,000 steps; the others have no warm-up.
    """

    title: str
    script: str
    package: str
    later_steps: int


SIDES = {
    "pygpt": Side("pygpt", "pygpt_names.py", "pygpt", 20_000),
    "numpy": Side("NumPy", "numpy_names.py", "numpy", 2_000),
    "torch": Side("PyTorch", "torch_names.py", "torch", 2_000),
}


# ---- measuring -------------------------------------------------------------------------------


def run(command: list[str], environment: dict[str, str]) -> tuple[str, float]:
    """Run a process; return its output and its seconds, from start to end."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2] or "it printed no error"
        sys.exit(f"benchmarks.names: {' '.join(command)} ended with {done.returncode}: {last}")
    return done.stdout, seconds


def measure(name: str) -> dict[str, Any]:
    """Return the measures of one side in one round, and whether its results are the original's."""
    side, environment = SIDES[name], os.environ | {"PYTHONPATH": str(ROOT)}  # this tree's pygpt
    if name != "pygpt":
        for variable in OPENBLAS:
            environment.pop(variable, None)
    script = [sys.executable, str(Path(__file__).with_name(side.script))]
    output, seconds = run([*script, "--repeats", "0"], environment)
    cold = json.loads(output)
    measures = {"train_s": cold["train_s"], "process_s": seconds}
    output, _ = run([*script, "--later-steps", str(side.later_steps)], environment)
    warm = json.loads(output)
    measures["step_s"] = warm["step_us_steady"] * 1e-6
    right = cold["losses_ok"] and warm["losses_ok"]
    if name == "pygpt":
        output, measures["command_s"] = run([sys.executable, "-m", "pygpt", "names"], environment)
        right = right and output == (GOLDEN / "seed42_names.txt").read_text(encoding="utf-8")
    return {"right": right, **measures}


def machine() -> dict[str, str]:
    """Return what the numbers depend on."""
    bridge = [sys.executable, "-m", "jbridge", "--application", "pygpt.application"]
    output, _ = run([*bridge, "info"], dict(os.environ))
    info = dict(line.split(maxsplit=1) for line in output.splitlines() if " " in line)
    found = {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "JDK": info["version"].split()[0],
        "ND4J": info["ND4J"].split(",")[0],
    }
    for name, side in SIDES.items():
        found[side.title] = version_of(name) or "not installed"
    return found


def load() -> str:
    """Return how many threads wanted to run in the last minute: above `cores`, distrust it all."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def version_of(name: str) -> str | None:
    """Return the version of a side's package, or None if it is not installed."""
    try:
        return version(SIDES[name].package)
    except PackageNotFoundError:
        return None


# ---- showing ---------------------------------------------------------------------------------


def table(rounds: dict[str, list[dict[str, Any]]], left_out: dict[str, str]) -> Table:
    """Return the table of all rounds; `left_out` has the reason for each side without numbers."""
    shown = Table()
    shown.add_column("")
    for side in SIDES.values():
        shown.add_column(side.title, justify="right")
    for key, (label, unit, scale) in ROWS.items():
        cells = [
            left_out[name] if name in left_out else cell(rounds[name], key, unit, scale)
            for name in SIDES
        ]
        shown.add_row(label, *cells)
    results = [
        "–" if name in left_out else "the original's" if all_right(rounds[name]) else "DIFFER"
        for name in SIDES
    ]
    shown.add_row("results", *results)
    return shown


def cell(measured: list[dict[str, Any]], key: str, unit: str, scale: float) -> str:
    """Return one number of the table, with three digits, or a dash where there is none."""
    values = [one[key] / scale for one in measured if key in one]
    if not values:
        return "–"
    median, low, high = (
        f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
        for value in (statistics.median(values), min(values), max(values))
    )
    return f"{median} {unit} ({low}–{high})"


def all_right(measured: list[dict[str, Any]]) -> bool:
    """Whether every process had the original's losses and names."""
    return all(one["right"] for one in measured)


def parse() -> argparse.Namespace:
    """Return the options, checked before anything is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.names",
        description="pygpt, NumPy and PyTorch on the names protocol, in one run.",
        epilog=LEGEND.format(tolerance=LOSS_RTOL),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        choices=list(SIDES),
        metavar="SIDE",
        help=f"sides to leave out: {', '.join(SIDES)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measure there")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {options.rounds}")
    if options.json is not None and options.json.exists():
        parser.error(f"--json: {options.json} exists; choose another name, or remove it")
    return options


def main() -> None:
    """Measure all sides, alternating; print the table and write the JSON file."""
    options = parse()
    left_out = {name: "not installed" for name in SIDES if version_of(name) is None}
    left_out |= {name: "left out" for name in options.without}
    console, about = Console(), machine()
    about["load before"] = load()
    rounds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with Console(stderr=True).status("") as status:
        for number in range(options.rounds):
            for name in SIDES:
                if name not in left_out:
                    status.update(f"round {number + 1} of {options.rounds}: {SIDES[name].title}")
                    rounds[name].append(measure(name))
    about["load after"] = load()
    console.print(f"{options.rounds} rounds: median (smallest–largest)")
    console.print(table(rounds, left_out))
    console.print(LEGEND.format(tolerance=LOSS_RTOL), highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    if options.json is not None:
        write(options.json, {"machine": about, "rounds": rounds})


if __name__ == "__main__":
    main()
