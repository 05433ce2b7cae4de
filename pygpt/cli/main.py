"""The command line: `python -m pygpt`.

Exit status: 0 well, 1 an error, 2 bad usage, 130 Ctrl-C, 141 a reader that went away, 143 SIGTERM,
129 SIGHUP, 138 SIGUSR1 (128 and the number of the signal).
An error is one line on stderr; `--debug` shows Python's and Java's stacks instead.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Collection, Sequence
from types import FrameType
from typing import Any, NoReturn

import pygpt
from pygpt.cli import (
    chat,
    completion,
    evaluate,
    export,
    finetune,
    generate,
    info,
    launch,
    learn,
    names,
    plot,
    prefer,
    prepare,
    search,
    serve,
    show,
    tokenizer,
    train,
    vectors,
)
from pygpt.cli.flags import (
    UsageError,
    choose_device,
    flag,
    flags_of,
    near_choice,
    near_flags,
    near_number,
)
from pygpt.cli.progress import shown_warnings
from pygpt.cli.signals import STOPPING, handled_by
from pygpt.errors import ConfigError, PygptError, TooLargeError
from pygpt.files.text import TO_UTF8

COMMANDS = (
    names, show, generate, chat, serve, prepare, train, finetune, prefer, launch, evaluate, info,
    plot, tokenizer, vectors, search, export, learn,
)  # fmt: skip
ERROR, USAGE, INTERRUPTED, NO_READER = 1, 2, 130, 141
EXAMPLES = (
    names.EXAMPLES
    + """\
  python -m pygpt train shakespeare-char            train on Shakespeare, as nanoGPT does
  python -m pygpt generate model --prompt "To be" --samples 3
  python -m pygpt prepare shakespeare --tokenizer char --out data
  python -m pygpt tokenizer explain abracadabra
  python -m pygpt learn                             how it all works: lessons that run
"""
)


_ENCODING = ", or name its encoding, such as --encoding cp1252"


class _Parser(argparse.ArgumentParser):
    """A parser of ours, or of one of its commands: they are of the same class."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message + near_choice(message) + near_number(message))


class _Version(argparse.Action):
    """Prints the version, which is looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"pygpt {pygpt.__version__}")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="pygpt",
        description="Train and run GPTs on the JVM.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("--debug", action="store_true", help="show an error's stacks, Java's too")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    completion.add_parser(commands, make_parser)
    return parser


# ---- errors and signals ----------------------------------------------------------------------


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    debug = False
    flags: list[str] = []
    try:
        with handled_by(_terminate, STOPPING):  # so that nothing is left half-written
            _print_any_character()
            parser = make_parser()
            parsed, unknown = parser.parse_known_args(arguments)
            debug, flags = parsed.debug, flags_of(parser, parsed.command)
            if unknown:
                problem = f"unrecognized arguments: {' '.join(unknown)}"
                raise UsageError(problem + near_flags(unknown, flags))
            choose_device(parsed)
            with shown_warnings():
                parsed.run(parsed)
            return 0
    except BrokenPipeError:
        # Python flushes stdout again when it ends: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, debug)
    except SystemExit as end:
        for number in STOPPING:
            if end.code == 128 + number:
                by = "" if number == signal.SIGTERM else f" by {signal.Signals(number).name}"
                return _fail(f"terminated{by}", 128 + number, debug)
        return end.code if isinstance(end.code, int) else 0
    except UsageError as error:
        return _fail(f"error: {error}", USAGE, debug)
    except ConfigError as error:
        return _fail(f"error: {error.about(_name_of(error, flags))}", USAGE, debug)
    except TooLargeError as error:
        return _fail(f"error: {error}", ERROR, debug)
    except MemoryError as error:
        return _fail(f"error: out of memory: {error}; try a smaller model", ERROR, debug)
    except PygptError as error:
        more = _ENCODING if str(error).endswith(TO_UTF8) and "--encoding" in flags else ""
        return _fail(f"error: {error}{more}", ERROR, debug)


def _name_of(error: ConfigError, flags: Collection[str]) -> str:
    """Return the flag that an error is about, or the field where the command has no such flag."""
    return flag(error.name) if flag(error.name) in flags else error.name


def _fail(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"pygpt: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return status


def _print_any_character() -> None:
    """Let a name print on a terminal that lacks its characters."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
