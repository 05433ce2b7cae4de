"""`python -m pygpt plot`: a picture of one run, or of several to compare."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import pygpt
from pygpt.cli.progress import alive
from pygpt.errors import OutputError

EXAMPLES = """\
examples:
  python -m pygpt plot runs/first
  python -m pygpt plot runs/first runs/second --out both.svg
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt plot`."""
    parser = commands.add_parser(
        "plot",
        help="draw loss, validation loss, learning rate and speed of runs",
        description="Draw loss, validation loss, learning rate and tokens/s of one or several "
        "runs, also of one that still trains. Needs matplotlib: pip install 'pygpt[plot]'.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run's folder, or its metrics.jsonl"
    )
    parser.add_argument(
        "--out",
        default="plot.png",
        metavar="FILE",
        help="the picture to write: .png, .svg or .pdf (default: plot.png)",
    )
    parser.add_argument("--force", action="store_true", help="replace a picture that is there")
    parser.set_defaults(run=plot)


def plot(arguments: argparse.Namespace) -> None:
    """Draw runs, and print where the picture is."""
    try:
        with alive(sys.stderr, False, lambda: "drawing"):
            pygpt.plot_runs(arguments.runs, arguments.out, arguments.force)
    except OutputError as error:
        if "exists; choose another name" not in str(error):
            raise
        raise OutputError(f"{error}; --force replaces it") from error
    print(arguments.out)
