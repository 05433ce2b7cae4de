"""`python -m pygpt finetune`: a saved model learns from other data."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from pygpt.cli.flags import CHECKPOINT, UsageError, add_fields, given_fields
from pygpt.cli.train import add_run_flags
from pygpt.fields import from_dict
from pygpt.training.config import DataConfig, TrainConfig
from pygpt.training.recipes import FINE_TUNING

EXAMPLES = """\
examples:
  python -m pygpt finetune runs/shakespeare-char pairs.jsonl --out runs/answers
  python -m pygpt finetune gpt2 poems --out runs/poems --frozen wte,wpe --learning-rate 3e-5
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt finetune`."""
    parser = commands.add_parser(
        "finetune",
        help="train a saved model on other data",
        description="Train a saved model further: its weights and tokenizer, but a new optimizer.",
        usage="pygpt finetune CHECKPOINT DATA --out RUN [options]",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    parser.add_argument(
        "data",
        metavar="DATA",
        help="what to train on: a folder of `pygpt prepare`, or JSON-lines, "
        '{"prompt": "…", "answer": "…"}',
    )
    parser.add_argument(
        "--validation",
        type=float,
        metavar="X",
        help="the part of the pairs that is kept for validation (default: 0.1)",
    )
    parser.add_argument(
        "--prompt-field", metavar="NAME", help="the field that has the prompt (default: it is found)"
    )
    parser.add_argument(
        "--answer-field", metavar="NAME", help="the field that has the answer (default: it is found)"
    )
    parser.add_argument(
        "--skip",
        action="store_true",
        help="leave out pairs that do not fit, and say how many; without it one ends it",
    )
    add_run_flags(parser, "none, it must be given")
    add_fields(parser.add_argument_group("training"), TrainConfig, defaults=FINE_TUNING)
    parser.set_defaults(run=finetune)


def finetune(arguments: argparse.Namespace) -> None:
    """Load, show what will be done, and train."""
    given = vars(arguments)
    if "out" not in given:
        raise UsageError("--out: expected a folder for the new run, got none")
    out, quiet, resume = Path(given["out"]), "quiet" in given, "resume" in given

    import pygpt
    from pygpt.cli.training import describe, watch, writers_of
    from pygpt.training.run import saved_options
    from pygpt.training.run_folder import best_in

    saved = saved_options(out) if resume else None
    base = FINE_TUNING if saved is None else saved[1]
    config = from_dict(TrainConfig, {**base, **given_fields(arguments, TrainConfig)})
    notes = [f"fine-tuned from {arguments.checkpoint}"]
    with pygpt.finetune(
        os.fspath(best_in(Path(arguments.checkpoint))),
        arguments.data,
        config,
        run=out,
        resume=resume,
        validation=given.get("validation", 0.1),
        backend=given.get("backend", "cpu"),
        writers=writers_of(given),
        prompt_field=given.get("prompt_field"),
        answer_field=given.get("answer_field"),
        skip="skip" in given,
        on_note=notes.append,
    ) as trainer:
        if not quiet:
            data = DataConfig(arguments.data)
            print(describe(trainer.model, config, data, notes), end="", flush=True)
        watch(trainer, out, quiet)
