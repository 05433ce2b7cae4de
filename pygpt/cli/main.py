"""The command line: `python -m pygpt`.

Exit status: 0 well, 1 an error, 2 bad usage, 130 Ctrl-C, 143 SIGTERM, 141 a reader that went away.
An error is one line on stderr; `--debug` shows Python's and Java's stacks instead.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pygpt
from pygpt.cli import (
    chat,
    completion,
    evaluate,
    finetune,
    generate,
    info,
    plot,
    prepare,
    tokenizer,
    train,
)
from pygpt.cli.flags import UsageError, add_fields, flag, given_fields
from pygpt.errors import ConfigError, PygptError, TooLargeError
from pygpt.fields import from_dict
from pygpt.names.config import NamesConfig

ERROR, USAGE, INTERRUPTED, NO_READER, TERMINATED = 1, 2, 130, 141, 143
PATHS = {"data": "--data", "log": "--log", "out": "--out", "source": "--from"}
WITH_FROM = ("seed", "samples", "temperature", "backend")  # the options that --from goes with

EXAMPLES = """\
examples:
  python -m pygpt names                             train on 32,033 names, print 20 new ones
  python -m pygpt names --steps 5000 --n-embd 32 --out model
  python -m pygpt names --from model --samples 5 --seed 7
  python -m pygpt names --data words.txt --log run.jsonl --quiet
"""
MORE_EXAMPLES = """\
  python -m pygpt train shakespeare-char            train on Shakespeare, as nanoGPT does
  python -m pygpt generate model --prompt "To be" --samples 3
  python -m pygpt prepare shakespeare --tokenizer char --out data
  python -m pygpt tokenizer explain abracadabra
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


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
        epilog=EXAMPLES + MORE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("--debug", action="store_true", help="show an error's stacks, Java's too")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_names(commands)
    generate.add_parser(commands)
    chat.add_parser(commands)
    prepare.add_parser(commands)
    train.add_parser(commands)
    finetune.add_parser(commands)
    evaluate.add_parser(commands)
    info.add_parser(commands)
    plot.add_parser(commands)
    tokenizer.add_parser(commands)
    completion.add_parser(commands, make_parser)
    return parser


# ---- names -----------------------------------------------------------------------------------


def _add_names(commands: Any) -> None:
    parser = commands.add_parser(
        "names",
        help="train the talk's GPT on baby names and make new ones",
        description="Train Karpathy's microgpt on one document a step, then make new ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # so that it is known which ones were given
        allow_abbrev=False,
    )
    add_fields(parser, NamesConfig)
    parser.add_argument(
        "--data", metavar="FILE", help="UTF-8 text, one document a line (default: 32,033 names)"
    )
    parser.add_argument("--log", metavar="FILE", help="write losses and names as lines of JSON")
    parser.add_argument(
        "--out", metavar="DIR", help="save the model there: model.safetensors and config.json"
    )
    parser.add_argument(
        "--from", metavar="DIR", dest="source", help="make names with a saved model, do not train"
    )
    parser.add_argument("--quiet", action="store_true", help="nothing but the names")
    parser.set_defaults(run=names)


def names(arguments: argparse.Namespace) -> None:
    """Run `pygpt names`: check all that can be checked, then train or load, then sample."""
    given = vars(arguments)
    values = given_fields(arguments, NamesConfig)
    options = from_dict(NamesConfig, values)
    paths: dict[str, Path] = {}
    for name in PATHS:
        if name in given:
            if not given[name]:
                raise UsageError(f"{PATHS[name]}: expected a path, got ''")
            paths[name] = Path(given[name])
    _check_log(paths)
    if "source" in paths:
        for option in (*values, *paths):
            if option not in (*WITH_FROM, "log", "source"):
                raise UsageError(f"{flag(option)} does not go with --from, which does not train")
        _sample_saved(options, paths)
    else:
        _train_and_sample(options, paths, quiet="quiet" in given)


def _check_log(paths: dict[str, Path]) -> None:
    """Refuse a log file that would overwrite what is read, or get into a model folder."""
    if "log" not in paths:
        return
    log = Path(os.path.realpath(paths["log"]))
    if "data" in paths and log == Path(os.path.realpath(paths["data"])):
        raise UsageError(f"--log: expected another file than --data, got {paths['log']}")
    for name in ("out", "source"):
        if name in paths and Path(os.path.realpath(paths[name])) in (log, *log.parents):
            raise UsageError(f"--log: expected a file outside the model, got {paths['log']}")


def _train_and_sample(options: NamesConfig, paths: dict[str, Path], quiet: bool) -> None:
    documents = pygpt.read_documents(paths.get("data"))
    if "out" in paths:
        from pygpt.checkpoints.folder import check_writable

        check_writable(paths["out"])

    from pygpt.cli.jsonlog import JsonLog
    from pygpt.cli.progress import progress_on
    from pygpt.names.protocol import NamesRun

    with progress_on(sys.stderr, options.steps, quiet) as progress:
        with NamesRun(options, documents) as run, JsonLog(paths.get("log")) as log:
            model = run.model
            progress.note(
                f"{len(documents):,} documents, {model.config.vocab_size - 1} characters, "
                f"{model.num_parameters:,} parameters; backend {model.backend}: {model.description}"
            )

            def on_losses(first: int, losses: Any) -> None:
                log.losses(first, losses)
                progress.update(first, losses)

            progress.begin()
            run.train(on_losses)
            progress.close()
            if "out" in paths:
                model.save_pretrained(paths["out"])
            _show(run.sample(), log)


def _sample_saved(options: NamesConfig, paths: dict[str, Path]) -> None:
    from pygpt.cli.jsonlog import JsonLog
    from pygpt.model.gpt import GPT

    with GPT.from_pretrained(paths["source"], backend=options.backend) as model:
        if model.tokenizer is None or model.tokenizer.bos is None:
            problem = "expected a model of documents, got one without characters or BOS"
            raise PygptError(f"model folder {paths['source']}: {problem}")
        rng = random.Random(options.seed)
        with JsonLog(paths.get("log")) as log:
            _show(model.sample_documents(options.samples, rng, options.temperature), log)


def _show(samples: list[str], log: Any) -> None:
    log.samples(samples)
    for sample in samples:
        print(sample)
    sys.stdout.flush()


# ---- errors and signals ----------------------------------------------------------------------


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    debug = False
    try:
        with _sigterm_exits():
            _print_any_character()
            parsed = make_parser().parse_args(arguments)
            debug = parsed.debug
            parsed.run(parsed)
            return 0
    except BrokenPipeError:
        # Python flushes stdout again when it ends: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, debug)
    except SystemExit as end:
        if end.code == TERMINATED:
            return _fail("terminated", TERMINATED, debug)
        return end.code if isinstance(end.code, int) else 0
    except UsageError as error:
        return _fail(f"error: {error}", USAGE, debug)
    except ConfigError as error:
        return _fail(f"error: {error.about(flag(error.name))}", USAGE, debug)
    except TooLargeError as error:
        return _fail(f"error: {error}", ERROR, debug)
    except MemoryError as error:
        return _fail(f"error: out of memory: {error}; try a smaller model", ERROR, debug)
    except PygptError as error:
        return _fail(f"error: {error}", ERROR, debug)


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


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Within the block SIGTERM unwinds the program, so that nothing is left half-written."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
