"""`python -m pygpt completion`: a script that completes the command line in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from pygpt.errors import PygptError

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """\
examples:
  eval "$(pygpt completion bash)"                                   # in ~/.bashrc
  pygpt completion zsh > ~/.zsh/completions/_pygpt                  # a folder of $fpath
  pygpt completion fish > ~/.config/fish/completions/pygpt.fish
"""


def add_parser(commands: Any, make_parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the parser of `pygpt completion`.

    Args:
        make_parser: returns the parser of the whole command line.
    """
    parser = commands.add_parser(
        "completion",
        help="print a script that completes `pygpt` in a shell",
        description="Print a script that completes the command `pygpt` in a shell.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS))
    parser.set_defaults(run=completion, make_parser=make_parser)


def completion(arguments: argparse.Namespace) -> None:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        problem = "expected the package shtab: pip install 'pygpt[completion]'"
        raise PygptError(f"completion: {problem}") from error
    print(shtab.complete(arguments.make_parser(), arguments.shell))
