"""Two workers on two hosts, which are network namespaces with a limited link between them.

    python -m benchmarks.distributed.links [--rates RATE ...] [--wires NAME ...] [--unplug N] ...

Linux, root, `ip` and `tc`. `launch --hosts` starts a worker in each namespace, which has a name of
its own, by `ip netns exec` in place of ssh. For each rate and wire the first lines say what a
step's communication will cost, and the last ones what it did cost. Then the link goes down at a
random moment of runs of a small model.
"""

from __future__ import annotations

import argparse
import random
import re
import shlex
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.distributed.failures import FIXED, SIZES
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note
from benchmarks.harness.peer import ROOT

HOSTS = {"pyone": "10.77.0.1", "pytwo": "10.77.0.2"}
LINK_LIMIT_S = 20.0
AGENT = """#!/bin/sh
# HOST COMMAND...: as ssh would
while case $1 in -*) ;; *) false ;; esac; do shift; done
host=$1; shift
case $host in {cases} esac
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
"""
GPT2 = ["gpt2", "--block-size", "64", "--batch-size", "2", "--gradient-accumulation-steps", "1"]


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
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
            (folder / name / "hosts").unlink(missing_ok=True)
            (folder / name).rmdir()


def limit(rate: str) -> None:
    """Limit what each host sends, as `tc` writes rates: `1gbit`."""
    for name in HOSTS:
        shape = ["root", "tbf", "rate", rate, "burst", "64kb", "latency", "50ms"]
        subprocess.run(["tc", "-n", name, "qdisc", "replace", "dev", "pylink", *shape], check=True)


def agent(folder: Path) -> Path:
    """Write the program that starts another one on a host."""
    path = folder / "agent"
    cases = " ".join(f"{ip}) host={name} ;;" for name, ip in HOSTS.items())
    path.write_text(AGENT.format(cases=cases))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def launch(python: str, folder: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    """Start `launch` on the first host, with a worker on each."""
    path = agent(folder)
    program = [python, "-m", "pygpt", "launch", "-n", "2", "--hosts", ",".join(HOSTS)]
    program += ["--agent", str(path), *words]
    first = next(iter(HOSTS))
    return subprocess.Popen(
        [str(path), first, f"cd {shlex.quote(str(ROOT))}; exec {shlex.join(program)}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compare(python: str, rate: str, wire: str, steps: int, data: str, folder: Path) -> str:
    """Train some steps of 124 million parameters; return what was said and what was measured."""
    limit(rate)
    out = folder / f"{rate}-{wire}"
    words = ["train", *GPT2, "--data", data, "--max-iters", str(steps), "--wire", wire]
    words += ["--microbatches", "2", "--threads", "1", "--eval-interval", "0"]
    words += ["--checkpoint-interval", "0", "--out", str(out)]
    process = launch(python, folder, words)
    text, errors = process.communicate(timeout=1800)
    said = re.search(r"([\d.,]+) ms communication at .*", text)
    spent = re.search(r"waiting ([\d.]+) s, communication ([\d.]+) s", text)
    if process.returncode or said is None or spent is None:
        raise DisagreementError(f"{rate}, {wire}: status {process.returncode}: {text}{errors}")
    predicted = float(said[1].replace(",", "")) / 1000
    measured = float(spent[2]) / steps
    return (
        f"{rate}, {wire}: predicted {predicted:.2f} s a step, measured {measured:.2f} s, "
        f"{100 * (measured / predicted - 1):+.0f} %; waiting {float(spent[1]) / steps:.2f} s; "
        f"{said[0]}"
    )


def unplug(python: str, number: int, folder: Path) -> str:
    """Take the link down while a small model trains; return how that ended."""
    limit("1gbit")
    words = ["train", "makemore", *SIZES, *FIXED, "--max-iters", "100000", "--eval-interval", "0"]
    process = launch(python, folder, [*words, "--out", str(folder / f"unplugged-{number}")])
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
    add("--data", metavar="FOLDER", help="tokens of GPT-2's tokenizer, as `prepare` makes them")
    add("--rates", nargs="*", default=["1gbit", "100mbit"], metavar="RATE")
    add("--wires", nargs="*", default=["float32", "bfloat16"], metavar="NAME")
    add("--steps", type=int, default=3, metavar="N", help="default: 3")
    add("--unplug", type=int, default=3, metavar="N", help="runs that lose the link, default: 3")
    add("--python", default=sys.executable, metavar="FILE", help="with an mpiexec beside it")
    options = parser.parse_args(arguments)
    note = make_note(0)
    with tempfile.TemporaryDirectory(prefix="bench-links-") as scratch, hosts():
        folder = Path(scratch)
        for rate in options.rates:
            for wire in options.wires:
                note(compare(options.python, rate, wire, options.steps, options.data, folder))
        for number in range(options.unplug):
            note(unplug(options.python, number, folder))


if __name__ == "__main__":
    sys.exit(exit_status(main))
