"""`python -m pygpt eval`: how well a model predicts text that it did not learn from."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import CHECKPOINT, add_backend, add_fields, given_fields
from pygpt.fields import from_dict
from pygpt.model.config import BACKENDS
from pygpt.training.config import TrainConfig

if TYPE_CHECKING:
    from pygpt.datasets.sampler import Batch

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
        help="what to measure on: a folder of `pygpt prepare`, or JSON-lines, "
        '{"prompt": "…", "answer": "…"}, of which the seeded tenth counts that `finetune` '
        "validates with (default: what `train` prepared for the run)",
    )
    add_fields(parser, TrainConfig, (*_SAVED, "eval_iters"), _DEFAULTS)
    add_backend(parser, choices=BACKENDS)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=evaluate)


def evaluate(arguments: argparse.Namespace) -> None:
    """Load, evaluate, and print."""
    import pygpt
    from pygpt.training.finetune import data_for
    from pygpt.training.run_folder import best_in, data_of

    given = vars(arguments)
    checkpoint = best_in(Path(arguments.checkpoint))
    fields = {**_DEFAULTS, **_trained_with(checkpoint), **given_fields(arguments, TrainConfig)}
    config = from_dict(TrainConfig, fields)
    source = given["data"] if "data" in given else data_of(Path(arguments.checkpoint))
    backend = given.get("backend", "cpu")
    with pygpt.GPT.from_pretrained(os.fspath(checkpoint), backend=backend) as model:
        data = data_for(model, source, PAIRS_FOR_VALIDATION, config.seed)
        streams = data.streams(model.config.block_size, config)
        batches = streams.validation.eval_batches(config.eval_iters or None)
        found = pygpt.evaluate(model, _shown(batches), streams.bytes_per_token)
    values = {"loss": found.loss, "perplexity": found.perplexity, "tokens": found.tokens}
    if found.bits_per_byte is not None:
        values["bits_per_byte"] = found.bits_per_byte
    if "json" in given:
        print(json.dumps(values))
        return
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
        print(f"{name.replace('_', ' '):15}{shown}")


def _trained_with(checkpoint: Path) -> dict[str, Any]:
    """Return the options that decide what is measured, where a run has left them."""
    from pygpt.training.state import STATE_FILE, read_state

    if not (checkpoint / STATE_FILE).is_file():
        return {}
    config = read_state(checkpoint).config
    return {name: getattr(config, name) for name in _SAVED}


def _shown(batches: Iterable[Batch]) -> Iterable[Batch]:
    """Yield batches; on a terminal a bar shows how many there were."""
    if not sys.stderr.isatty():
        return batches
    from rich.console import Console
    from rich.progress import track

    return track(batches, "batches", console=Console(file=sys.stderr), transient=True)
