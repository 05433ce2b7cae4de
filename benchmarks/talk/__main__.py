"""`make bench-java-talk`: the talk's program in Java three times, with the same names.

The scalar graph is `java/examples/Microgpt.java`, a graph of single numbers in one file without a
library; with ND4J every operation on an array is one call (backend `nd4j`); the engine has kernels
of its own (backend `cpu`). Each trains the 1,000 steps of microgpt.py and makes 20 names, in a
fresh JVM; the sides take turns, and the table has the median of the rounds with the smallest and
the largest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness.peer import ROOT
from benchmarks.harness.report import machine, spread, write

NAMES = "pygpt/data/names.txt"
SIDES = {
    "scalar graph": ["java/examples/Microgpt.java", NAMES],
    "ND4J, one call an operation": ["org.pygpt.Names", "--backend", "nd4j"],
    "the engine": ["org.pygpt.Names", "--backend", "cpu"],
}
GOLDEN = ROOT / "tests" / "golden" / "microgpt" / "seed42_names.txt"


def java() -> list[str]:
    """Return the command that runs a Java program with the engine."""
    bridge = [sys.executable, "-m", "jbridge", "--application", "pygpt.application", "jdk-home"]
    found = subprocess.run(bridge, cwd=ROOT, capture_output=True, text=True, check=True)
    home = found.stdout.strip()
    return [f"{home}/bin/java", f"@{ROOT}/pygpt/data/java.flags", "-cp", f"{ROOT}/jbridge/jars/*"]


def run(command: list[str]) -> tuple[str, float]:
    """Run a program to its end; return its output and the seconds from start to end."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        sys.exit(f"benchmarks.talk: {' '.join(command[4:])} ended with {done.returncode}: {last}")
    return done.stdout, seconds


def main() -> None:
    """Measure all sides, alternating; print the table and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.talk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measure there")
    options = parser.parse_args()
    expected = GOLDEN.read_text(encoding="utf-8")
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    start = java()
    for _ in range(options.rounds):
        for name, arguments in SIDES.items():
            names, taken = run([*start, *arguments])
            if names != expected:
                sys.exit(f"benchmarks.talk: {name}: expected microgpt.py's names, got others")
            seconds[name].append(taken)
    print("| port | whole process, s |\n|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {spread(taken, '.2f')} |")
    about = machine(os.cpu_count() or 1)
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    if options.json is not None:
        write(options.json, {"machine": about, "seconds": seconds})


if __name__ == "__main__":
    main()
