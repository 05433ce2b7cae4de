"""Two workers on two hosts, which are network namespaces with a limited link between them.

    python -m benchmarks.distributed.links [--rates RATE ...] [--wires NAME ...] [--unplug N] ...

Linux, root, `ip` and `tc`. mpiexec starts a worker in each namespace, which has a name of its own,
by `ip netns exec` in place of ssh. For each rate and wire a step of 124 million parameters is
measured beside what `Cost` predicts before the first one. Then, by `launch --hosts`, the link goes
down at a random moment of runs of a small model. What was measured is written as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distributed.failures import FIXED, SIZES
from benchmarks.distributed.start import WORKER
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note, new_file
from benchmarks.harness.peer import ROOT
from benchmarks.harness.report import machine, write
from pygpt.distributed.launch import Launcher
from pygpt.engine.door import environment_for_mpi

HOSTS = {"pyone": "10.77.0.1", "pytwo": "10.77.0.2"}
LINK_LIMIT_S = 20.0
_SETTLED_S = 2.0  # after which a new link's addresses can be used; mpiexec waits for ever before
AGENT = """#!/bin/sh
# HOST COMMAND...: as ssh would
while case $1 in -*) ;; *) false ;; esac; do shift; done
host=$1; shift
case $host in {cases} esac
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
"""
GPT2: dict[str, Any] = {
    "block_size": 64, "batch_size": 2, "gradient_accumulation_steps": 1, "microbatches": 2,
    "threads": 1, "max_iters": 100, "eval_interval": 0, "checkpoint_interval": 0,
}  # fmt: skip


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def hosts() -> Iterator[None]:
    """Make two namespaces and a link between them; they are gone after the block."""
    names, folder = list(HOSTS), Path("/etc/netns")
    text = "127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in HOSTS.items())
    try:
        for name in names:
            _ip("netns", "add", name)
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "hosts").write_text(text)
        ends = ["link", "add", "pylink", "netns", names[0], "type", "veth"]
        _ip(*ends, "peer", "name", "pylink", "netns", names[1])
        for name, address in HOSTS.items():
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "pylink")
            for device in ("lo", "pylink"):
                _ip("-n", name, "link", "set", device, "up")
        time.sleep(_SETTLED_S)
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
            (folder / name / "hosts").unlink(missing_ok=True)
            (folder / name).rmdir()


def limit(rate: str) -> None:
    """Limit what each host sends, as `tc` writes rates: `1gbit`."""
    for name in HOSTS:
        shape = ["root", "tbf", "rate", rate, "burst", "1mb", "latency", "500ms"]
        subprocess.run(["tc", "-n", name, "qdisc", "replace", "dev", "pylink", *shape], check=True)


def agent(folder: Path) -> Path:
    """Write the program that starts another one on a host."""
    path = folder / "agent"
    cases = " ".join(f"{ip}) host={name} ;;" for name, ip in HOSTS.items())
    path.write_text(AGENT.format(cases=cases))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def on_first(folder: Path, program: Sequence[str]) -> subprocess.Popen[str]:
    """Start a program on the first host."""
    first = next(iter(HOSTS))
    return subprocess.Popen(
        [str(agent(folder)), first, f"cd {shlex.quote(str(ROOT))}; exec {shlex.join(program)}"],
        env=environment_for_mpi(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_hosts(python: str, jobs: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Run jobs by two workers, one on each host (see `worker.py`); return what they found.

    Raises:
        DisagreementError: they failed.
    """
    launcher = Launcher.find(str(Path(python).parent / "mpiexec"))
    program = [python, *WORKER, json.dumps({"transport": "mpi", "jobs": jobs})]
    process = on_first(folder, launcher.command(2, list(HOSTS), str(agent(folder)), program))
    text, errors = process.communicate(timeout=1800)
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if process.returncode or len(lines) != len(jobs):
        raise DisagreementError(f"status {process.returncode}: {text}{errors}")
    return [json.loads(line) for line in lines]


def compare(
    python: str, rate: str, wires: Sequence[str], steps: int, folder: Path, begin: str | None
) -> list[dict[str, Any]]:
    """Train some steps of 124 million parameters with each wire; return what was found."""
    limit(rate)
    jobs: list[dict[str, Any]] = [
        {
            "recipe": "gpt2", "data": "shakespeare", "options": GPT2 | {"wire": wire},
            "steps": steps, "measures": True, "out": str(folder / f"{rate}-{wire}"),
        }
        for wire in wires
    ]  # fmt: skip
    if begin:
        jobs[0]["begins_with"] = f"{begin}-{rate}"
    return on_hosts(python, jobs, folder)


def measured(found: dict[str, Any]) -> str:
    """Return what a step was to cost, and what the median one did."""
    cost, totals = found["cost"], np.array(found["spent"])
    computing, waiting, moving = np.median(np.diff(totals, axis=0, prepend=0), axis=0)
    predicted = cost["step_s"]
    return (
        f"predicted {predicted:.2f} s a step, measured {moving:.2f} s, "
        f"{100 * (moving / predicted - 1):+.0f} %; computing {computing:.2f} s, waiting "
        f"{waiting:.2f} s; {cost['bytes_per_s'] / 1e6:.1f} MB/s, "
        f"{1e6 * cost['latency_s']:.0f} µs a call, adding {1e3 * cost['work_s']:.0f} ms"
    )


def unplug(python: str, number: int, folder: Path) -> str:
    """Take the link down while a small model trains; return how that ended."""
    limit("1gbit")
    words = ["train", "makemore", *SIZES, *FIXED, "--max-iters", "100000", "--eval-interval", "0"]
    program = [python, "-m", "pygpt", "launch", "-n", "2", "--hosts", ",".join(HOSTS)]
    program += ["--agent", str(agent(folder)), *words]
    process = on_first(folder, [*program, "--out", str(folder / f"unplugged-{number}")])
    assert process.stderr is not None
    while "workers by" not in process.stderr.readline():
        if process.poll() is not None:
            raise DisagreementError(f"the run did not begin: {process.stderr.read()}")
    after_s = random.Random(number).uniform(4, 15)
    time.sleep(after_s)
    began = time.monotonic()
    _ip("-n", next(iter(HOSTS)), "link", "set", "pylink", "down")
    line = ""
    while not line.startswith("pygpt: rank"):
        line = process.stderr.readline()
        if not line:
            raise DisagreementError("it ended without a line that names the rank")
    if "no sign of life" not in line:
        raise DisagreementError(f"something else ended it: {line}")
    named = time.monotonic() - began
    process.wait(60)
    ended = time.monotonic() - began
    while workers_left() and time.monotonic() - began < 60:
        time.sleep(0.1)
    gone = time.monotonic() - began
    _ip("-n", next(iter(HOSTS)), "link", "set", "pylink", "up")
    said = (
        f"unplugged after {after_s:.1f} s: named after {named:.1f} s, ended after {ended:.1f} s, "
        f"no process left after {gone:.1f} s: {line.strip()}"
    )
    if max(ended, gone) > LINK_LIMIT_S:
        raise DisagreementError(said)
    return said


def workers_left() -> list[str]:
    """Return the processes of both namespaces."""
    found = []
    for name in HOSTS:
        shown = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        found += shown.stdout.split()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.links")
    add = parser.add_argument
    add("--rates", nargs="*", default=["1gbit", "100mbit"], metavar="RATE")
    add("--wires", nargs="*", default=["float32", "bfloat16"], metavar="NAME")
    add("--steps", type=int, default=3, metavar="N", help="default: 3")
    add("--begin", metavar="FILE", help="wait for FILE-RATE before the measurements of a rate")
    add("--unplug", type=int, default=3, metavar="N", help="runs that lose the link, default: 3")
    add("--python", default=sys.executable, metavar="FILE", help="with an mpiexec beside it")
    add("--json", type=Path, metavar="FILE", help="default: build/bench/links-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "links")
    report: dict[str, Any] = {"machine": machine(1), "command": sys.argv, "steps": []}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-links-") as scratch, hosts():
        folder = Path(scratch)
        for rate in options.rates:
            wires, begin = options.wires, options.begin
            found = compare(options.python, rate, wires, options.steps, folder, begin)
            for wire, each in zip(wires, found, strict=True):
                note(f"{rate}, {wire}: {measured(each)}")
                report["steps"].append({"rate": rate, "wire": wire, **each})
                write(path, report)
        for number in range(options.unplug):
            note(unplug(options.python, number, folder))


if __name__ == "__main__":
    sys.exit(exit_status(main))
