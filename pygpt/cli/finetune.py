"""`python -m pygpt finetune`: a saved model learns from other data."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pygpt.cli.flags import CHECKPOINT, UsageError, add_encoding, add_fields, given_fields
from pygpt.cli.train import add_run_flags
from pygpt.fields import from_dict
from pygpt.training.config import FOR_WORKERS, LORA, DataConfig, TrainConfig, options_of
from pygpt.training.recipes import FINE_TUNING

EXAMPLES = """\
examples:
  python -m pygpt finetune runs/shakespeare-char pairs.jsonl --out runs/answers
  python -m pygpt finetune gpt2 pairs.jsonl --out runs/adapter --lora 8
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
        help="what to train on: a folder of `pygpt prepare`; or pairs or conversations as "
        "JSON-lines, JSON, a table or Parquet, with the fields prompt and answer, Alpaca's, "
        "ShareGPT's or OpenAI's",
    )
    parser.add_argument(
        "--validation",
        type=float,
        metavar="X",
        help="the part of the pairs that is kept for validation (default: 0.1)",
    )
    parser.add_argument(
        "--prompt-field", metavar="NAME", help="the field with the prompt (default: it is found)"
    )
    parser.add_argument(
        "--answer-field", metavar="NAME", help="the field with the answer (default: it is found)"
    )
    parser.add_argument(
        "--skip",
        action="store_true",
        help="leave out pairs that do not fit, and say how many; without it one ends it",
    )
    add_encoding(parser)
    add_run_flags(parser, "none, it must be given")
    training = parser.add_argument_group("training")
    add_fields(training, TrainConfig, defaults=FINE_TUNING)
    add_fields(training, TrainConfig, only=("moments",))
    adapter = parser.add_argument_group("adapter (LoRA)")
    add_fields(adapter, TrainConfig, only=LORA)
    several = parser.add_argument_group("several workers (see launch)")
    add_fields(several, TrainConfig, only=FOR_WORKERS)
    parser.set_defaults(run=finetune)


def finetune(arguments: argparse.Namespace) -> None:
    """Load, show what will be done, and train."""
    given = vars(arguments)
    if "out" not in given:
        raise UsageError("--out: expected a folder for the new run, got none")
    out, quiet, resume = Path(given["out"]), "quiet" in given, "resume" in given

    import pygpt
    from pygpt.cli.checkpoint import find_checkpoint, told_to_prepare
    from pygpt.cli.live import page_of
    from pygpt.cli.progress import alive, say_next
    from pygpt.cli.serve import require_packages
    from pygpt.cli.training import describe, first_word, show_cost, watch, writers_of
    from pygpt.cli.workers import is_first, workers
    from pygpt.datasets.sources import as_file
    from pygpt.distributed.group import Alone
    from pygpt.serve.live import Live
    from pygpt.training.run import begun_as_first

    encoding = given.get("encoding", "")
    notes = [f"fine-tuned from {arguments.checkpoint}"]
    if "show" in given:
        require_packages("--show")
    with ExitStack() as stack:
        group = stack.enter_context(workers())
        live = Live() if "show" in given and is_first(group) else None
        saved = begun_as_first(out, group or Alone()) if resume else None
        base = FINE_TUNING if saved is None else saved.train
        config = from_dict(TrainConfig, options_of(base, given_fields(arguments, TrainConfig)))
        data = stack.enter_context(as_file(arguments.data, encoding))
        with alive(sys.stderr, quiet, lambda: f"loading {arguments.checkpoint}"):
            opened = pygpt.finetune(
                find_checkpoint(arguments.checkpoint),
                data,
                config,
                run=out,
                resume=resume,
                validation=given.get("validation", 0.1),
                backend=given.get("backend", "cpu"),
                writers=writers_of(given, group, live), group=group,
                prompt_field=given.get("prompt_field"),
                answer_field=given.get("answer_field"),
                skip="skip" in given,
                encoding=encoding,
                on_note=notes.append,
            )
            with told_to_prepare(arguments.checkpoint):
                trainer = stack.enter_context(opened)
        if not quiet:
            source = DataConfig(arguments.data)
            print(describe(trainer.model, config, source, notes), end="", flush=True)
        word = first_word(trainer)
        show_cost(trainer, quiet)
        if live is not None:
            stack.enter_context(page_of(live, trainer.model, trainer.tokenizer, out))
        watch(trainer, out, quiet, live, "probe" in given)
        if os.path.isdir(arguments.data):
            say_next(quiet, "generate", out, "--prompt", word)
        else:
            say_next(quiet, "chat", out)
