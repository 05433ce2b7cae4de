"""Implicit null checks of Java beside MPI: `python -m benchmarks.distributed.null_checks`.

    ... [--checks N] [--python FILE ...]

Compiled Java code reads through a null reference, for which HotSpot has SIGSEGV come and turns it
into a NullPointerException; whoever else takes that signal ends the process. Two workers do so a
million times each beside a thread of signs of life. HotSpot's first compiler alone compiles, since
its second one looks before it reads where null has come a few times.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.distributed.start import command
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note
from benchmarks.harness.peer import ROOT
from pygpt.engine.door import environment_for_mpi

SOURCE = """
public class NullChecks {
  int value;

  static int read(NullChecks from) {
    return from.value;
  }

  public static int count(int checks) {
    int found = 0;
    for (int i = 0; i < 20000; i++) {
      found += read(new NullChecks()); // so that it is compiled
    }
    for (int i = 0; i < checks; i++) {
      try {
        found -= read(null);
      } catch (NullPointerException e) {
        found++;
      }
    }
    return found;
  }
}
"""
FLAGS = "-XX:TieredStopAtLevel=1 -XX:-OmitStackTraceInFastThrow -XX:MaxJavaStackTraceDepth=1"


def work(folder: str, checks: int) -> None:
    """As one of the workers: check, and compare the counts of all."""
    import jbridge  # noqa: TID251 - a class that pygpt does not have
    import pygpt
    from pygpt.distributed.group import gather_objects

    java_class = jbridge.java_class
    group = pygpt.distributed.mpi()
    url = java_class("java.io.File")(folder).toURI().toURL()
    loader = java_class("java.net.URLClassLoader").newInstance([url])
    method = loader.loadClass("NullChecks").getMethod("count", java_class("java.lang.Integer").TYPE)
    found = int(method.invoke(None, [java_class("java.lang.Integer").valueOf(checks)]))
    counts = gather_objects(group, found)
    if group.rank == 0:
        print(f"{group.transport}: {counts} null checks", flush=True)
    group.close()
    if counts != [checks] * group.size:
        raise SystemExit(f"expected {checks} of each worker")


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the workers by each mpiexec."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.null_checks")
    add = parser.add_argument
    add("--checks", type=int, default=1_000_000, metavar="N", help="default: a million")
    add("--python", nargs="+", default=[sys.executable], metavar="FILE", help="with an mpiexec")
    add("--work", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        work(options.work, options.checks)
        return
    note = make_note(0)
    with tempfile.TemporaryDirectory(prefix="bench-null-") as folder:
        source = Path(folder) / "NullChecks.java"
        source.write_text(SOURCE)
        jdk = subprocess.run(
            [sys.executable, "-m", "jbridge", "--application", "pygpt.application", "jdk-home"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        subprocess.run([f"{jdk}/bin/javac", "-d", folder, str(source)], check=True)
        for python in options.python:
            words = ["-m", "benchmarks.distributed.null_checks", "--work", folder]
            words += ["--checks", str(options.checks)]
            done = subprocess.run(
                command("mpi", 2, python, words),
                env=environment_for_mpi() | {"JAVA_TOOL_OPTIONS": FLAGS},
                cwd=ROOT, capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode:
                raise DisagreementError(f"{python}: status {done.returncode}: {done.stderr}")
            note(done.stdout.strip())


if __name__ == "__main__":
    sys.exit(exit_status(main))
