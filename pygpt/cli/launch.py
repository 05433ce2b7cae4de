"""`python -m pygpt launch`: a command by several workers, on this machine or on several."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pygpt.cli.flags import UsageError

COMMANDS = ("train", "finetune", "names")
EXAMPLES = """\
examples:
  python -m pygpt launch -n 4 train shakespeare-char
  python -m pygpt launch -n 8 --hosts one,two --max-restarts 3 train gpt2 --data book
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt launch`."""
    parser = commands.add_parser(
        "launch",
        help="train by several processes, on this machine or on several",
        description="Start a command as several workers by mpiexec, which train one model "
        "together; needs pygpt[mpi] and an MPI. docs/distributed.md has more.",
        usage="pygpt launch -n N [options] train|finetune ...",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "-n", type=int, required=True, metavar="N", help="how many workers: a power of two"
    )
    parser.add_argument(
        "--hosts", metavar="A,B", help="machines that divide the workers (default: this one)"
    )
    parser.add_argument(
        "--max-restarts",
        type=int,
        default=0,
        metavar="N",
        help="how often to go on from the last checkpoint after a failure (default: 0)",
    )
    parser.add_argument(
        "--mpiexec", metavar="FILE", help="the launcher (default: that beside Python, or on PATH)"
    )
    parser.add_argument(
        "--agent", metavar="FILE", help="what starts a program on another machine (default: ssh)"
    )
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its options"
    )
    parser.set_defaults(run=launch)


def launch(arguments: argparse.Namespace) -> None:
    """Start the workers, and end as they do."""
    from pygpt.distributed.group import is_power_of_two
    from pygpt.distributed.launch import Launcher, Workers, run

    words = arguments.words
    if not words or words[0] not in COMMANDS:
        got = words[0] if words else "none"
        raise UsageError(f"command: expected one of {', '.join(COMMANDS)}, got {got}")
    if not is_power_of_two(arguments.n):
        raise UsageError(f"-n: expected a power of two, got {arguments.n}")
    if arguments.max_restarts < 0:
        raise UsageError(f"--max-restarts: expected at least 0, got {arguments.max_restarts}")
    hosts = [host for host in (arguments.hosts or "").split(",") if host]
    launcher = Launcher.find(arguments.mpiexec)

    def start(goes_on: bool) -> Workers:
        more = ["--resume"] if goes_on and "--resume" not in words else []
        program = [sys.executable, "-m", "pygpt", *words, *more]
        return Workers(launcher.command(arguments.n, hosts, arguments.agent, program))

    def say(line: str) -> None:
        print(f"pygpt: {line}", file=sys.stderr, flush=True)

    status = run(start, arguments.max_restarts, say)
    if status:
        raise SystemExit(status)
