"""`python -m pygpt completion`: a script that completes the command line in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from pygpt.errors import PygptError
from pygpt.model.presets import PRESETS

SHELLS = ("bash", "zsh", "fish")
PATHS = ("CHECKPOINT", "DATA", "DIR", "FILE", "RUN", "SOURCE", "TOKENIZER")
WITH_PRESETS = ("recipe", "what")
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
    )
    parser.add_argument(
        "shell", choices=SHELLS, metavar="|".join(SHELLS), help="the name of the shell"
    )
    parser.set_defaults(run=completion, make_parser=make_parser)


def completion(arguments: argparse.Namespace) -> None:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        problem = "expected the package shtab: pip install 'pygpt[completion]'"
        raise PygptError(f"completion: {problem}") from error
    parser = arguments.make_parser()
    _say_what_values_are(parser, shtab.FILE)
    print(shtab.complete(parser, arguments.shell))


def _say_what_values_are(parser: argparse.ArgumentParser, file: Any) -> None:
    """Note at each argument of a parser what its values can be: `a|b` in its help, or a path."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _say_what_values_are(command, file)
            continue
        shown = action.metavar if isinstance(action.metavar, str) else ""
        if action.dest in WITH_PRESETS:
            action.choices = PRESETS
        elif action.choices is None and "|" in shown:
            action.choices = shown.split("|")
        elif shown in PATHS:
            action.complete = file  # type: ignore[attr-defined]
