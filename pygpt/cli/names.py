"""`python -m pygpt names`: microgpt trained on names, and new names."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pygpt
from pygpt.cli.flags import (
    SOURCE,
    UsageError,
    add_backend,
    add_fields,
    add_reading,
    flag,
    given_fields,
)
from pygpt.cli.workers import workers
from pygpt.errors import DataError, PygptError
from pygpt.fields import from_dict
from pygpt.names.config import NamesConfig

PATHS = {"data": "--data", "log": "--log", "out": "--out", "source": "--from"}
WITH_FROM = ("seed", "samples", "temperature", "backend")  # the options that --from goes with

EXAMPLES = """\
examples:
  python -m pygpt names                             train on 32,033 names, print 20 new ones
  python -m pygpt names --steps 5000 --n-embd 32 --out model
  python -m pygpt names --from model --samples 5 --seed 7
  python -m pygpt show names                        train the same model and show it on a page
  python -m pygpt names --data words.txt --log run.jsonl --quiet
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt names`."""
    parser = commands.add_parser(
        "names",
        help="train the talk's GPT on baby names and make new ones",
        description="Train Karpathy's microgpt on one document a step, then make new ones.",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,  # so that it is known which ones were given
    )
    add_fields(parser, NamesConfig, without=("backend",))
    add_backend(parser)
    parser.add_argument(
        "--data",
        metavar="FILE",
        help=f"documents, of text a line each: {SOURCE} (default: 32,033 names)",
    )
    add_reading(parser, lines=False)
    parser.add_argument("--log", metavar="FILE", help="write losses and names as lines of JSON")
    parser.add_argument(
        "--out", metavar="DIR", help="save the model there: model.safetensors and config.json"
    )
    parser.add_argument(
        "--from", metavar="DIR", dest="source", help="make names with a saved model, do not train"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but the names")
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
    how = ("field", "format", "encoding", "separator")
    reading: dict[str, str] = {name: given[name] for name in how if name in given}
    if reading and "data" not in paths:
        raise UsageError(f"{flag(next(iter(reading)))} goes with --data alone, which it reads")
    if "source" in paths:
        for option in (*values, *paths):
            if option not in (*WITH_FROM, "log", "source"):
                raise UsageError(f"{flag(option)} does not go with --from, which does not train")
        _sample_saved(options, paths)
        return
    with workers() as group:
        if group is not None and "quiet" not in given:
            print("names takes one document a step: rank 0 trains alone", file=sys.stderr)
        if group is None or group.rank == 0:
            _train_and_sample(options, paths, reading, quiet="quiet" in given)


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


def _documents(where: Path, reading: dict[str, str]) -> list[str]:
    from pygpt.datasets.sources import SHIPPED, find_source, list_of

    if where.is_dir() and not any(where.iterdir()):
        raise DataError(f"data file {where}: expected a text file, got a folder without files")
    name = os.path.join(".", where) if os.fspath(where) in SHIPPED else os.fspath(where)
    return list_of(find_source(name, lines=None, **reading))  # a file of a shipped text's name


def _train_and_sample(
    options: NamesConfig, paths: dict[str, Path], reading: dict[str, str], quiet: bool
) -> None:
    documents = _documents(paths["data"], reading) if "data" in paths else pygpt.read_documents()
    if "out" in paths:
        from pygpt.checkpoints.folder import check_writable

        check_writable(paths["out"])

    from pygpt.cli.progress import Losses, alive, progress_on, say_next
    from pygpt.names.protocol import NamesRun

    with progress_on(sys.stderr, quiet, steps=True) as progress:
        with NamesRun(options, documents) as run, _log(paths) as log:
            model = run.model
            progress.note(
                f"{len(documents):,} documents, {model.config.vocab_size - 1} characters, "
                f"{model.num_parameters:,} parameters; backend {model.backend}: {model.description}"
            )
            shown = Losses(progress, options.steps)

            def on_losses(first: int, losses: Any) -> None:
                steps = enumerate(losses, first + 1)
                log({"step": step, "loss": float(loss)} for step, loss in steps)
                shown.update(first, losses)

            progress.begin(options.steps)
            with alive(sys.stderr, quiet, lambda: "training", progress):
                run.train(on_losses)
            progress.close()
            if "out" in paths:
                model.save_pretrained(paths["out"])
            _show(run.sample(), log)
            if "out" in paths:
                say_next(quiet, "names", "--from", paths["out"])


def _sample_saved(options: NamesConfig, paths: dict[str, Path]) -> None:
    from pygpt.model.gpt import GPT

    with GPT.from_pretrained(paths["source"], backend=options.backend) as model:
        if model.tokenizer is None or model.tokenizer.bos is None:
            problem = "expected a model of documents, got one without characters or BOS"
            raise PygptError(f"model folder {paths['source']}: {problem}")
        rng = random.Random(options.seed)
        with _log(paths) as log:
            _show(model.sample_documents(options.samples, rng, options.temperature), log)


Log = Callable[[Iterable[dict[str, Any]]], None]


@contextmanager
def _log(paths: dict[str, Path]) -> Iterator[Log]:
    """Give what writes objects to the log, `{"step": 1, "loss": 3.3659…}` or `{"sample": "kamon"}`.

    Raises:
        OutputError: it cannot be written.
    """
    if "log" not in paths:
        yield lambda objects: None
        return
    from pygpt.training.metrics import JsonLines

    with closing(JsonLines(paths["log"], "log file")) as lines:
        lines.begin(0)
        yield lines.write_objects


def _show(samples: list[str], log: Log) -> None:
    log({"sample": sample} for sample in samples)
    for sample in samples:
        print(sample)
    sys.stdout.flush()
