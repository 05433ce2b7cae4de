"""`python -m pygpt eval`: how well a model predicts text that it did not learn from."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import CHECKPOINT, add_backend, add_encoding, add_fields, given_fields
from pygpt.errors import ConfigError, DataError, TokenError
from pygpt.fields import from_dict
from pygpt.model.config import AUTO, BACKENDS
from pygpt.training.config import TrainConfig

if TYPE_CHECKING:
    from pygpt.datasets.sampler import Batch, BatchSource, TrainingData
    from pygpt.model.gpt import GPT
    from pygpt.training.state import State

EXAMPLES = """\
examples:
  python -m pygpt eval runs/shakespeare-char
  python -m pygpt eval runs/answers/best pairs.jsonl --json
"""
PAIRS_FOR_VALIDATION = 0.1  # as `finetune` has it
_SAVED = ("batch_size", "batches", "seed")  # by default those of the run
_DEFAULTS = {"eval_iters": 0}


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt eval`."""
    parser = commands.add_parser(
        "eval",
        help="measure a model on the validation split of data",
        description="Print loss, perplexity and bits per byte of the validation split. Of a run's "
        "checkpoint the options below are by default the run's.",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="what to measure on: a folder of `pygpt prepare`, or pairs, as `finetune` reads them; "
        "of the run's own pairs those count that it validated with, of others a seeded tenth "
        "(default: the run's own data)",
    )
    add_fields(parser, TrainConfig, (*_SAVED, "eval_iters"), _DEFAULTS)
    add_encoding(parser)
    add_backend(parser, choices=(*BACKENDS, AUTO))
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=evaluate)


def evaluate(arguments: argparse.Namespace) -> None:
    """Load, evaluate, and print."""
    import pygpt
    from pygpt.cli.checkpoint import find_checkpoint, told_to_prepare
    from pygpt.cli.progress import alive
    from pygpt.datasets.sources import as_file

    given, doing = vars(arguments), [f"loading {arguments.checkpoint}"]
    checkpoint = find_checkpoint(arguments.checkpoint)
    state = _state_of(Path(checkpoint))
    trained_with = {} if state is None else {name: getattr(state.config, name) for name in _SAVED}
    fields = {**_DEFAULTS, **trained_with, **given_fields(arguments, TrainConfig)}
    config = from_dict(TrainConfig, fields)
    backend, encoding = given.get("backend", "cpu"), given.get("encoding", "")
    with ExitStack() as stack, alive(sys.stderr, False, lambda: doing[0]):
        with pygpt.GPT.from_pretrained(checkpoint, backend=backend) as model:
            named = None
            if "data" in given:
                named = stack.enter_context(as_file(given["data"], encoding))
            with told_to_prepare(arguments.checkpoint):
                origin = None if state is None else state.origin
                data = _data(model, arguments.checkpoint, named, origin, config, encoding)
            streams = data.streams(model.config.block_size, config)
            batches = _shown(streams.validation, config.eval_iters or None, doing)
            found = pygpt.evaluate(model, batches, streams.bytes_per_token)
    values = {"loss": found.loss, "perplexity": found.perplexity, "tokens": found.tokens}
    if found.bits_per_byte is not None:
        values["bits_per_byte"] = found.bits_per_byte
    if "json" in given:
        print(json.dumps(values))
        return
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
        print(f"{name.replace('_', ' '):15}{shown}")


def _state_of(checkpoint: Path) -> State | None:
    """Return what a run has left beside the model, if it was one's."""
    from pygpt.training.state import STATE_FILE, read_state

    return read_state(checkpoint) if (checkpoint / STATE_FILE).is_file() else None


def _data(
    model: GPT,
    checkpoint: str,
    named: str | None,
    origin: Mapping[str, Any] | None,
    config: TrainConfig,
    encoding: str,
) -> TrainingData:
    """Return what to measure on: what was named, or the run's own, with the run's own split.

    Args:
        checkpoint: as the user calls it.
        named: the data that the user named; None for the run's own.
        origin: of the run's data, see `Streams`; None if that is not known.
        config: its seed chooses pairs, where the data are not the run's.
        encoding: of a file of pairs, where it is not the run's own; UTF-8 if empty.
    Raises:
        DataError: there are none, or the run's own have changed since.
    """
    from pygpt.training.finetune import data_for
    from pygpt.training.run_folder import data_of
    from pygpt.training.trainer import check_origin

    own = data_of(Path(checkpoint)) if named is None else None
    if own is not None:
        return data_for(model, own, PAIRS_FOR_VALIDATION, config.seed)
    where = named
    if where is None:
        where = None if origin is None else origin.get("folder") or origin.get("file")
        if where is None:
            problem = f"since {checkpoint} has none of its own"
            raise DataError(f"data: expected a folder of `pygpt prepare`, {problem}")
    if not os.path.exists(where) and named is None:
        raise DataError(f"data {where}, of the run: there is no such file; name other data")
    if origin is not None and "file" in origin and not os.path.isdir(where):
        split = (origin["validation"], origin["seed"])
        try:
            reading = origin["reading"] | ({"encoding": encoding} if encoding else {})
            data = data_for(model, where, *split, **reading)
            check_origin(origin, data.streams(model.config.block_size, config).origin)
            return data
        except (DataError, TokenError, ConfigError):
            if named is None or os.path.realpath(where) == os.path.realpath(origin["file"]):
                raise
    data = data_for(model, where, PAIRS_FOR_VALIDATION, config.seed, encoding=encoding)
    if named is None:
        check_origin(origin, data.streams(model.config.block_size, config).origin)
    return data


def _shown(source: BatchSource, count: int | None, doing: list[str]) -> Iterable[Batch]:
    """Yield batches to evaluate with; on a terminal a bar shows how many there were.

    Args:
        doing: its one item becomes what goes on, in words, unless there is a bar.
    """
    from pygpt.datasets.sampler import Sampler, numbered

    def show(which: str) -> None:
        doing[0] = f"evaluating, batch {which}"

    if not sys.stderr.isatty():
        return numbered(source, count, show)
    from rich.console import Console
    from rich.progress import track

    doing[0] = ""
    total = source.eval_count(count) if isinstance(source, Sampler) else None
    batches, console = source.eval_batches(count), Console(file=sys.stderr)
    return track(batches, "batches", total, console=console, transient=True)
